//! The target `authorization`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(authorization);
