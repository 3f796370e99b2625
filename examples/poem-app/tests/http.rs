//! The HTTP suites against this service.

example_service::http_suites!(poem_app::serve, env!("CARGO_TARGET_TMPDIR"));
