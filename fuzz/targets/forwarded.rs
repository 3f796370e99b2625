//! The target `forwarded`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(forwarded);
