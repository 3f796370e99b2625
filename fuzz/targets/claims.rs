//! The target `claims`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(claims);
