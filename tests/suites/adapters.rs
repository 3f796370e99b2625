//! The three adapters: guards, extractors, and the errors of the compiler.

mod guards;
mod own_users;
mod compile_errors;
