//! argon2 (RFC 9106), with memory that is used again for the next hash.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash as PhcHash, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use gatewright_core::{PasswordHash, PasswordVerdict};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::pepper::{MAX_PEPPER_ID_BYTES, Pepper, Peppers};

/// The maximal memory of a hash, in KiB: 256 MiB. A stored hash that needs more never matches.
pub const MAX_ARGON2_MEMORY_KIB: u32 = 256 * 1024;
/// The maximal number of passes of a hash. A stored hash that needs more never matches.
pub const MAX_ARGON2_PASSES: u32 = 10;
/// The maximal number of lanes of a hash. A stored hash that needs more never matches.
pub const MAX_ARGON2_LANES: u32 = 8;
/// The minimal costs of new hashes, as pairs of memory in KiB and passes. They must reach both
/// numbers of one pair. The pairs are those of OWASP's Password Storage Cheat Sheet.
pub const MIN_ARGON2_COSTS: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// The costs of new hashes, for
/// [`HashingPoolBuilder::with_costs`](crate::HashingPoolBuilder::with_costs).
///
/// They must be between [`MIN_ARGON2_COSTS`] and the maximums, such as [`MAX_ARGON2_MEMORY_KIB`].
///
/// ```
/// use gatewright::HashingPool;
/// use gatewright::password::Argon2Costs;
///
/// let pool = HashingPool::builder().with_costs(Argon2Costs::new(64 * 1024, 3, 1)).build()?;
/// # Ok::<(), gatewright::auth::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Argon2Costs {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes: how many parts of the memory could be computed in parallel. The pool computes them
    /// one after another.
    pub lanes: u32,
}

impl Argon2Costs {
    /// Costs of this memory in KiB, this number of passes, and of lanes.
    #[must_use]
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self { memory_kib, passes, lanes }
    }
}

/// 19 MiB, two passes, one lane: a recommendation of OWASP's Password Storage Cheat Sheet.
impl Default for Argon2Costs {
    fn default() -> Self {
        Self::new(19 * 1024, 2, 1)
    }
}

/// Which stored hashes a login replaces by a new one, for
/// [`HashingPoolBuilder::with_hash_upgrade`](crate::HashingPoolBuilder::with_hash_upgrade).
///
/// The password is known only at a login, so a hash is replaced then and not earlier. With both, a hash that was not
/// made with the [pepper](crate::HashingPoolBuilder::with_pepper) of new ones is replaced too, also a dearer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Upgrade {
    /// Those that are easier to crack than a new one. Dearer ones stay. The default.
    #[default]
    Weaker,
    /// All whose costs are not those of new hashes, also dearer ones. A dear hash takes longer to verify than
    /// a new one: if that exceeds the refusal floor, the time shows that the account exists.
    ToCurrent,
}

/// How hashes are made and judged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hashing {
    pub(crate) costs: Argon2Costs,
    pub(crate) upgrade: Upgrade,
    pub(crate) peppers: Arc<Peppers>,
}

/// argon2id with the costs of new hashes, and the memory that it works in.
pub(crate) struct Argon {
    params: Params,
    upgrade: Upgrade,
    peppers: Arc<Peppers>,
    memory: Vec<Block>,
    /// How many hashes were computed.
    #[cfg(test)]
    pub(crate) runs: usize,
}

/// The result of verifying a password against a stored text.
pub(crate) enum Outcome {
    Verdict(PasswordVerdict),
    /// The text is not a hash of this kind, or costs more than the maximum. No hash was computed.
    Unusable,
    /// The hash names a pepper that is not configured. No hash was computed.
    UnknownPepper(Vec<u8>),
}

impl Argon {
    pub(crate) fn new(hashing: &Hashing) -> Result<Self, argon2::Error> {
        let Hashing { costs, upgrade, peppers } = hashing.clone();
        let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(OUTPUT_BYTES))?;
        Ok(Self {
            params,
            upgrade,
            peppers,
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
        let output = self.compute(password, &salt)?;
        let (memory, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(&output));
        let pepper = self.peppers.current.as_ref().map(|pepper| STANDARD_NO_PAD.encode(pepper.id()));
        let keyid = pepper.map(|id| format!(",keyid={id}")).unwrap_or_default();
        let text = format!("$argon2id$v=19$m={memory},t={passes},p={lanes}{keyid}${salt}${output}");
        Ok(PasswordHash::new(text))
    }

    /// Computes a hash and drops it, so that a call without a usable hash takes as long as any
    /// other.
    pub(crate) fn compute_dummy(&mut self, password: &str) -> Result<(), argon2::Error> {
        self.compute(password, &[0; SALT_BYTES]).map(drop)
    }

    pub(crate) fn verify(&mut self, password: &str, stored: &str) -> Result<Outcome, argon2::Error> {
        let Some(stored) = Stored::parse(stored) else {
            return Ok(foreign_pepper(stored).map_or(Outcome::Unusable, Outcome::UnknownPepper));
        };
        let peppers = Arc::clone(&self.peppers);
        let pepper = match stored.pepper() {
            None => None,
            Some(id) => match peppers.find(id) {
                None => return Ok(Outcome::UnknownPepper(id.to_vec())),
                known => known,
            },
        };
        let mut output = Zeroizing::new(vec![0; stored.output.len()]);
        let argon = with_pepper(pepper, stored.algorithm, stored.version, stored.params.clone())?;
        self.run(&argon, password, &stored.salt, &mut output)?;
        Ok(Outcome::Verdict(if !bool::from(output.ct_eq(&stored.output)) {
            PasswordVerdict::Mismatch
        } else if self.has_another_pepper(&stored)
            || self.is_weaker(&stored)
            || (self.upgrade == Upgrade::ToCurrent && self.differs(&stored))
        {
            PasswordVerdict::MatchUpgrade
        } else {
            PasswordVerdict::Match
        }))
    }

    /// Computes a hash with the costs and the pepper of new hashes.
    fn compute(&mut self, password: &str, salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
        let mut output = Zeroizing::new(vec![0; OUTPUT_BYTES]);
        let peppers = Arc::clone(&self.peppers);
        let params = self.params.clone();
        let argon = with_pepper(peppers.current.as_ref(), Algorithm::Argon2id, Version::V0x13, params)?;
        self.run(&argon, password, salt, &mut output)?;
        Ok(output)
    }

    /// Computes a hash in the worker's memory. Memory beyond the costs of new hashes is freed at
    /// once.
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

    /// Whether a new hash would have another pepper. A pool without a pepper for new hashes never replaces a hash with
    /// one: while the nodes are given a first pepper, that would take it away again.
    fn has_another_pepper(&self, stored: &Stored) -> bool {
        self.peppers.current.as_ref().is_some_and(|current| stored.pepper() != Some(current.id().as_bytes()))
    }

    /// Whether a new hash would be harder to crack. A higher cost of one kind does not make up for
    /// a lower one of another kind.
    fn is_weaker(&self, stored: &Stored) -> bool {
        stored.algorithm != Algorithm::Argon2id
            || stored.version != Version::V0x13
            || stored.params.m_cost() < self.params.m_cost()
            || stored.params.t_cost() < self.params.t_cost()
            || stored.salt.len() < SALT_BYTES
            || stored.output.len() < OUTPUT_BYTES
    }

    /// Whether a new hash has other costs.
    fn differs(&self, stored: &Stored) -> bool {
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        costs(&stored.params) != costs(&self.params)
    }
}

fn with_pepper(
    pepper: Option<&Pepper>,
    algorithm: Algorithm,
    version: Version,
    params: Params,
) -> Result<Argon2<'_>, argon2::Error> {
    match pepper {
        None => Ok(Argon2::new(algorithm, version, params)),
        Some(pepper) => Argon2::new_with_secret(pepper.secret(), algorithm, version, params),
    }
}

/// A stored hash whose costs are within the maximums.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Stored {
    /// The id of its pepper.
    fn pepper(&self) -> Option<&[u8]> {
        Some(self.params.keyid()).filter(|id| !id.is_empty())
    }

    fn parse(text: &str) -> Option<Self> {
        let hash = PhcHash::new(text).ok()?;
        // Exactly these parameters, once each. The parser would add missing ones, and accept others
        // that are not supported here.
        let names: Vec<_> = hash.params.iter().map(|(name, _)| name).collect();
        let names: Vec<&str> = names.iter().map(AsRef::<str>::as_ref).collect();
        let has_pepper = names == ["m", "t", "p", "keyid"];
        if !has_pepper && names != ["m", "t", "p"] {
            return None;
        }
        let params = Params::try_from(&hash).ok()?;
        if has_pepper == params.keyid().is_empty() {
            return None;
        }
        let affordable = params.m_cost() <= MAX_ARGON2_MEMORY_KIB
            && params.t_cost() <= MAX_ARGON2_PASSES
            && params.p_cost() <= MAX_ARGON2_LANES;
        let version = match hash.version {
            // The reference implementation reads a hash without a version as version 0x10.
            None | Some(0x10) => Version::V0x10,
            Some(0x13) => Version::V0x13,
            Some(_) => return None,
        };
        let algorithm = Algorithm::new(hash.algorithm.as_str()).ok()?;
        let (salt, output) = (hash.salt?.to_vec(), hash.hash?.as_bytes().to_vec());
        affordable.then_some(Self { algorithm, version, params, salt, output })
    }
}

/// The `keyid` of a hash of another system that no pepper of ours can have: not 1 to 8 bytes in base64.
fn foreign_pepper(text: &str) -> Option<Vec<u8>> {
    let hash = PhcHash::new(text).ok().filter(|hash| hash.salt.is_some() && hash.hash.is_some())?;
    Algorithm::new(hash.algorithm.as_str()).ok()?;
    let (name, id) = hash.params.iter().last()?;
    let id = id.as_str();
    let is_ours = STANDARD_NO_PAD.decode(id).is_ok_and(|id| (1..=MAX_PEPPER_ID_BYTES).contains(&id.len()));
    (name.as_str() == "keyid" && !id.is_empty() && !is_ours).then(|| id.as_bytes().to_vec())
}
