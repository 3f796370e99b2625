//! The target `claims`.

#![cfg_attr(fuzzing, no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatewright_fuzz::claims(data));

#[cfg(not(fuzzing))]
fn main() {
    gatewright_fuzz::replay(gatewright_fuzz::claims);
}
