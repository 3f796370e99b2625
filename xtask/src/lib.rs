//! What the repository does with itself, as far as its tests use it too: throw-away servers, and running programs.

pub mod debian;
pub mod services;
pub mod tools;
