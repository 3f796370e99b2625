//! The schemes of database URLs.

use crate::Failure;

/// Rejects the URL of another kind of database. The error does not contain the URL, which may hold
/// a password.
pub(crate) fn check_scheme(url: &str, schemes: &[&str]) -> Result<(), Failure> {
    let is_known = url.split_once(':').is_some_and(|(scheme, _)| schemes.contains(&scheme));
    if is_known {
        return Ok(());
    }
    let schemes: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}:")).collect();
    Err(format!("the URL must begin with {}", schemes.join(" or ")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_schemes_are_rejected_without_showing_the_url() {
        assert!(check_scheme("postgres://u:secret@h/db", &["postgres", "postgresql"]).is_ok());
        for url in ["mysql://u:secret@h/db", "u:secret@h", "postgres", "POSTGRES:", ""] {
            let error = check_scheme(url, &["postgres", "postgresql"]).unwrap_err().to_string();
            assert_eq!(error, "the URL must begin with postgres: or postgresql:");
        }
    }
}
