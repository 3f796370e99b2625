//! The target `pem`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(pem);
