//! The target `jwk`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(jwk);
