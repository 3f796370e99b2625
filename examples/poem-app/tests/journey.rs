//! The main job on the real program.

example_service::journeys!(env!("CARGO_BIN_EXE_poem-app"), env!("CARGO_TARGET_TMPDIR"));
