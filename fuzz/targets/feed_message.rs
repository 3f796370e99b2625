//! The target `feed_message`.

#![cfg_attr(fuzzing, no_main)]

gatewright_fuzz::target!(feed_message);
