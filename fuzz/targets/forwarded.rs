//! The target `forwarded`.

#![cfg_attr(fuzzing, no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatewright_fuzz::forwarded(data));

#[cfg(not(fuzzing))]
fn main() {
    gatewright_fuzz::replay(gatewright_fuzz::forwarded);
}
