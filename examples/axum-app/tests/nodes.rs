//! Several runs of the real program on one database.

example_service::nodes!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
