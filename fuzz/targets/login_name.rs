//! The target `login_name`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(login_name);
