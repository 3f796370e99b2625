//! The suites of the examples against this one: over HTTP, and with the real program.

mod http {
    gatewright_tests::http_suites!(on every store: axum_app::serve);
}

mod journeys {
    example_service::journeys!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod connections {
    example_service::program_tests! {
        [] connections env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR");
        half_sent_headers_after_a_request_are_cut
    }
}

mod nodes {
    example_service::nodes!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod login_attacks {
    example_service::login_attacks!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod login_floods {
    example_service::login_floods!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}

mod floods {
    gatewright_tests::flood_suite!(env!("CARGO_BIN_EXE_axum-app"), env!("CARGO_TARGET_TMPDIR"));
}
