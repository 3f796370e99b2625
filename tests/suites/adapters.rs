//! The three adapters: guards, extractors, errors in handlers, events, clients that disconnect, and the errors of the compiler.

mod guards;
mod handlers;
pub(crate) mod events;
mod own_users;
mod without_password;
mod disconnects;
mod compile_errors;
