//! The three adapters: guards, extractors, clients that disconnect, and the errors of the compiler.

mod guards;
mod own_users;
mod without_password;
mod disconnects;
mod compile_errors;
