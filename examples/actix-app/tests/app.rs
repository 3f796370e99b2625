//! The suites of the examples against this one: over HTTP, and with the real program.

mod http {
    gatewright_tests::http_suites!(on memory: actix_app::serve);
}

mod journeys {
    example_service::journeys!(env!("CARGO_BIN_EXE_actix-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod login_attacks {
    example_service::login_attacks!(env!("CARGO_BIN_EXE_actix-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod login_floods {
    example_service::login_floods!(env!("CARGO_BIN_EXE_actix-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod floods {
    gatewright_tests::flood_suite!(env!("CARGO_BIN_EXE_actix-app"), env!("CARGO_TARGET_TMPDIR"));
}
