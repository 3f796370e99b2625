//! `gatewright keys`: generates and publishes keys.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use gatewright_jwt::{Algorithm, KeyError, KeyRing, NewKey, SigningKey, VerifyingKey};

use crate::output::{Failure, write};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Generate a key and print it as PEM (PKCS#8) and as JWK; a secret (HS256, …) only as JWK
    Generate {
        /// HS256, HS384, HS512, EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384 or PS512
        #[arg(long)]
        alg: Algorithm,
        /// Print only this format
        #[arg(long)]
        format: Option<Format>,
        /// Write to a new file that only its owner can read, instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the JWK set that publishes keys, with their public members only
    Jwks {
        /// Files with one private or public key each: as JWK, as PEM, or as both in the output of
        /// `keys generate`; without files, one key is read from standard input
        files: Vec<PathBuf>,
        /// The algorithm of PEM keys; JWKs must be for this algorithm too
        #[arg(long)]
        alg: Option<Algorithm>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Pem,
    Jwk,
}

impl Keys {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Generate { alg, format, out } => generate(alg, format, out.as_deref())?,
            Self::Jwks { files, alg } => publish(&files, alg)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn generate(algorithm: Algorithm, format: Option<Format>, out: Option<&Path>) -> Result<(), Failure> {
    let key = NewKey::generate(algorithm).map_err(|error| error.to_string())?;
    let mut text = match (key.pem(), format) {
        (None, Some(Format::Pem)) => {
            return Err(format!("{algorithm} keys are secrets, which have no PEM format; use --format jwk"));
        }
        (Some(pem), None | Some(Format::Pem)) => pem.to_owned(),
        _ => String::new(),
    };
    if format != Some(Format::Pem) {
        text.push_str(key.jwk());
        text.push('\n');
    }
    match out {
        Some(path) => create(path, &text).map_err(|error| format!("{}: {error}", path.display())),
        None => write(&text),
    }
}

/// Creates a file that only its owner can read. Fails if the file exists.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())
}

fn publish(files: &[PathBuf], algorithm: Option<Algorithm>) -> Result<(), Failure> {
    let mut keys = Vec::new();
    if files.is_empty() {
        let text = io::read_to_string(io::stdin()).map_err(|error| error.to_string())?;
        keys.push(read(&text, algorithm)?);
    }
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| error.to_string());
        let key = text.and_then(|text| read(&text, algorithm));
        keys.push(key.map_err(|why| format!("{}: {why}", file.display()))?);
    }
    let ring = KeyRing::verifying(keys).map_err(|error| error.to_string())?;
    write(&format!("{}\n", ring.jwks()))
}

/// The public half of a key.
fn read(text: &str, algorithm: Option<Algorithm>) -> Result<VerifyingKey, Failure> {
    let jwk = text.find('{').and_then(|start| text.get(start..));
    let key = match (jwk, algorithm) {
        (Some(jwk), _) => from_jwk(jwk, algorithm),
        (None, _) if !text.contains("-----BEGIN ") => {
            return Err("the key is neither PEM nor a JWK".to_owned());
        }
        (None, Some(algorithm)) => from_pem(text, algorithm),
        (None, None) => return Err("a PEM key does not name its algorithm; add --alg".to_owned()),
    };
    let key = key.map_err(|error| error.to_string())?;
    if key.algorithm().is_symmetric() {
        Err("the key is a secret, which must not be published".to_owned())
    } else {
        Ok(key)
    }
}

fn from_jwk(text: &str, algorithm: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    let (public, private) = match algorithm {
        Some(algorithm) => {
            (VerifyingKey::from_jwk_for(algorithm, text), SigningKey::from_jwk_for(algorithm, text))
        }
        None => (VerifyingKey::from_jwk(text), SigningKey::from_jwk(text)),
    };
    public_half(public, private)
}

fn from_pem(text: &str, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
    public_half(VerifyingKey::from_pem(algorithm, text), SigningKey::from_pem(algorithm, text))
}

/// The verifying key, also if the text is a private key.
fn public_half(
    public: Result<VerifyingKey, KeyError>,
    private: Result<SigningKey, KeyError>,
) -> Result<VerifyingKey, KeyError> {
    match public {
        // The text is a private key, or its `key_ops` is `sign`.
        Err(KeyError::Private | KeyError::Use) => private.map(|key| key.verifying_key().clone()),
        public => public,
    }
}
