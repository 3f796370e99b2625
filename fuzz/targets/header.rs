//! The target `header`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(header);
