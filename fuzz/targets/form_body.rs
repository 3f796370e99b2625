//! The target `form_body`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(form_body);
