//! argon2 (RFC 9106), in memory that is used again.

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash as PhcHash, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use gatewright_core::{PasswordHash, PasswordVerdict};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The most memory a stored hash may ask for, in KiB.
pub const MAX_ARGON2_MEMORY_KIB: u32 = 256 * 1024;
/// The most passes a stored hash may ask for.
pub const MAX_ARGON2_PASSES: u32 = 10;
/// The most lanes a stored hash may ask for.
pub const MAX_ARGON2_LANES: u32 = 8;
/// The least that new hashes may cost, memory in KiB and passes over it: any one of these pairs, as OWASP's Password
/// Storage Cheat Sheet has them.
pub const MIN_ARGON2_COSTS: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// What a new hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Argon2Costs {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Argon2Costs {
    /// Memory in KiB, passes, lanes.
    #[must_use]
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self { memory_kib, passes, lanes }
    }
}

/// 19 MiB, two passes, one lane, as OWASP's Password Storage Cheat Sheet has it.
impl Default for Argon2Costs {
    fn default() -> Self {
        Self::new(19 * 1024, 2, 1)
    }
}

/// argon2id at the costs of today, with the memory it works in.
pub(crate) struct Argon {
    params: Params,
    memory: Vec<Block>,
    /// How many hashes were computed.
    #[cfg(test)]
    pub(crate) runs: usize,
}

/// What came of holding a password against a stored text.
pub(crate) enum Outcome {
    Verdict(PasswordVerdict),
    /// The text is no hash of this kind, or asks for more than it may: no work was done.
    Unusable,
}

impl Argon {
    pub(crate) fn new(costs: Argon2Costs) -> Result<Self, argon2::Error> {
        let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(OUTPUT_BYTES))?;
        Ok(Self {
            params,
            memory: Vec::new(),
            #[cfg(test)]
            runs: 0,
        })
    }

    pub(crate) fn hash(
        &mut self,
        password: &str,
    ) -> Result<PasswordHash, Box<dyn std::error::Error + Send + Sync>> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt)?;
        let output = self.today(password, &salt)?;
        let (memory, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(&output));
        Ok(PasswordHash::new(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}")))
    }

    /// One hash's work, for nothing.
    pub(crate) fn waste(&mut self, password: &str) -> Result<(), argon2::Error> {
        self.today(password, &[0; SALT_BYTES]).map(drop)
    }

    pub(crate) fn verify(&mut self, password: &str, stored: &str) -> Result<Outcome, argon2::Error> {
        let Some(stored) = Stored::parse(stored) else { return Ok(Outcome::Unusable) };
        let mut output = Zeroizing::new(vec![0; stored.output.len()]);
        let argon = Argon2::new(stored.algorithm, stored.version, stored.params.clone());
        self.run(&argon, password, &stored.salt, &mut output)?;
        Ok(Outcome::Verdict(if !bool::from(output.ct_eq(&stored.output)) {
            PasswordVerdict::Mismatch
        } else if self.is_weaker(&stored) {
            PasswordVerdict::MatchUpgrade
        } else {
            PasswordVerdict::Match
        }))
    }

    fn today(&mut self, password: &str, salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
        let mut output = Zeroizing::new(vec![0; OUTPUT_BYTES]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        self.run(&argon, password, salt, &mut output)?;
        Ok(output)
    }

    /// Hashes in the memory at hand. More than today's costs need is given back at once.
    fn run(
        &mut self,
        argon: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), argon2::Error> {
        #[cfg(test)]
        {
            self.runs += 1;
        }
        let usual = self.params.block_count();
        let needed = argon.params().block_count();
        self.memory.resize(needed.max(usual), Block::default());
        let hashed =
            argon.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut self.memory);
        if needed > usual {
            self.memory = Vec::new();
        }
        hashed
    }

    /// Whether a hash made today would be harder to guess. More of one cost does not make up for less of another.
    fn is_weaker(&self, stored: &Stored) -> bool {
        stored.algorithm != Algorithm::Argon2id
            || stored.version != Version::V0x13
            || stored.params.m_cost() < self.params.m_cost()
            || stored.params.t_cost() < self.params.t_cost()
            || stored.salt.len() < SALT_BYTES
            || stored.output.len() < OUTPUT_BYTES
    }
}

/// A stored hash within the ceilings.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        let hash = PhcHash::new(text).ok()?;
        // Exactly these, once each: the parser fills in what is missing and accepts what we could not honour.
        let names: Vec<_> = hash.params.iter().map(|(name, _)| name).collect();
        if !names.iter().map(AsRef::<str>::as_ref).eq(["m", "t", "p"]) {
            return None;
        }
        let params = Params::try_from(&hash).ok()?;
        let affordable = params.m_cost() <= MAX_ARGON2_MEMORY_KIB
            && params.t_cost() <= MAX_ARGON2_PASSES
            && params.p_cost() <= MAX_ARGON2_LANES;
        let version = match hash.version {
            // Without a version the reference implementation means the one before versions were written.
            None | Some(0x10) => Version::V0x10,
            Some(0x13) => Version::V0x13,
            Some(_) => return None,
        };
        let algorithm = Algorithm::new(hash.algorithm.as_str()).ok()?;
        let (salt, output) = (hash.salt?.to_vec(), hash.hash?.as_bytes().to_vec());
        affordable.then_some(Self { algorithm, version, params, salt, output })
    }
}
