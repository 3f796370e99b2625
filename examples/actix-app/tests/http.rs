//! The HTTP suites against this service.

example_service::http_suites!(actix_app::serve, env!("CARGO_TARGET_TMPDIR"));
