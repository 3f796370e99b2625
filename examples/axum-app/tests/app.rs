//! The suites of the examples against this one: over HTTP, and with the real program.

mod http {
    gatewright_tests::http_suites!(on every store: axum_app::serve);
}

mod journeys {
    example_service::journeys!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod nodes {
    example_service::nodes!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}
