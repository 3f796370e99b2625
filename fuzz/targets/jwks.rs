//! The target `jwks`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(jwks);
