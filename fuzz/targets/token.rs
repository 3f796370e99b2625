//! The target `token`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(token);
