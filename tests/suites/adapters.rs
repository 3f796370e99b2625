//! The three adapters: guards, extractors, clients that disconnect, and the errors of the compiler.

mod guards;
mod own_users;
mod disconnects;
mod compile_errors;
