//! A compact file of breached passwords: sorted 32-bit fingerprints of their SHA-1 digests.
//!
//! ```text
//! magic (8) │ version (4) │ prefix bits k (4) │ entries n (8) │ 2^k + 1 positions (8 each) │ n fingerprints (4 each)
//! ```
//!
//! All numbers are little-endian. The first k bits of a digest choose a bucket, the next 32 are its fingerprint. The
//! positions say where the bucket of each prefix begins. Within a bucket the fingerprints are sorted.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use async_trait::async_trait;
use gatewright_core::Password;
use gatewright_core::password::{BreachedPasswords, BreachedPasswordsError};

use crate::lookups::{Lookups, Search, Sha1};
use crate::pwned::{MAX_PWNED_LINE_BYTES, invalid, parse_line};

const MAGIC: [u8; 8] = *b"GWBREACH";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 24;

/// With more bits the positions would need more memory while a filter is built: now 32 MiB.
const MAX_PREFIX_BITS: u32 = 22;
/// About how many fingerprints a bucket has, unless the list is longer than 2^28 entries.
const BUCKET: u64 = 64;
/// A line of Pwned Passwords has about as many bytes.
const USUAL_LINE_BYTES: u64 = 45;

/// A file of breached passwords with four bytes for each, made of the file of Pwned Passwords.
///
/// It finds every password of the list. It also finds another one with a probability of less than one in a million:
/// fingerprints have 32 bits, and a look-up compares with about 64 of them, with 240 if the list has a thousand
/// million entries.
///
/// The file stays on the disk. A look-up reads about 10 places of it, on a thread of this filter. At most
/// [`MAX_WAITING_LOOKUPS`](crate::MAX_WAITING_LOOKUPS) wait for that thread. Do not change the file while it is in
/// use: write another one and start again.
///
/// The command `gatewright password filter` builds one.
///
/// ```
/// use gatewright::Password;
/// use gatewright::password::BreachedPasswords;
/// use gatewright::password::BreachFilter;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("breach-filter-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let (list, filter) = (folder.join("pwned.txt"), folder.join("pwned.filter"));
/// std::fs::write(&list, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9\n")?; // "password"
/// assert_eq!(BreachFilter::build(&list, &filter, 1)?, 1);
///
/// let filter = BreachFilter::open(&filter)?;
/// assert!(filter.contains(&Password::new("password")).await?);
/// assert!(!filter.contains(&Password::new("correct horse battery staple")).await?);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BreachFilter(Lookups);

impl BreachFilter {
    /// Opens a filter, and starts the thread that reads it.
    ///
    /// # Errors
    /// The file cannot be read, is not a complete filter ([`InvalidData`](io::ErrorKind::InvalidData)), or the system has no more
    /// threads.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Lookups::start(Fingerprints::open(File::open(path)?)?).map(Self)
    }

    /// Whether the file begins as a filter does, for programs that accept both kinds of list.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn recognizes(path: impl AsRef<Path>) -> io::Result<bool> {
        let mut start = Vec::new();
        File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
        Ok(start == MAGIC)
    }

    /// Builds a filter of a file that [`PwnedPasswords`](crate::PwnedPasswords) could open, and returns how many
    /// passwords it has. Passwords that occur less than `min_count` times are left out. A line without a count is kept.
    ///
    /// It reads the list once, from its beginning to its end, and needs at most 32 MiB of memory. It blocks.
    ///
    /// # Errors
    /// The list cannot be read, is not ordered by hash or is empty ([`InvalidData`](io::ErrorKind::InvalidData)); or the filter exists
    /// already or cannot be written. Then no filter is left behind.
    pub fn build(list: impl AsRef<Path>, filter: impl AsRef<Path>, min_count: u64) -> io::Result<u64> {
        let list = File::open(list)?;
        let expected = list.metadata()?.len() / USUAL_LINE_BYTES;
        let file = File::options().write(true).create_new(true).open(&filter)?;
        let mut output = BufWriter::new(file);
        let built =
            write(BufReader::with_capacity(1 << 20, list), &mut output, min_count, prefix_bits(expected));
        let built = built.and_then(|entries| output.get_ref().sync_all().map(|()| entries));
        if built.is_err() {
            fs::remove_file(filter)?;
        }
        built
    }
}

#[async_trait]
impl BreachedPasswords for BreachFilter {
    async fn contains(&self, password: &Password) -> Result<bool, BreachedPasswordsError> {
        self.0.contains(password).await
    }
}

impl fmt::Debug for BreachFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreachFilter").finish_non_exhaustive()
    }
}

/// So many bits that a bucket has about [`BUCKET`] of so many entries.
fn prefix_bits(entries: u64) -> u32 {
    (entries / BUCKET).checked_ilog2().unwrap_or_default().min(MAX_PREFIX_BITS)
}

/// The bucket of a digest, and its fingerprint.
fn place(sha1: &Sha1, bits: u32) -> (u64, u32) {
    let head = sha1.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    let bucket = head.checked_shr(64 - bits).unwrap_or_default();
    (bucket, (head << bits >> 32) as u32)
}

/// Writes a filter of the sorted lines, and returns how many entries it has.
fn write(
    mut list: impl BufRead,
    output: &mut (impl Write + Seek),
    min_count: u64,
    bits: u32,
) -> io::Result<u64> {
    let mut positions = vec![0_u64; (1 << bits) + 1];
    output.seek(SeekFrom::Start(HEADER_BYTES + 8 * positions.len() as u64))?;
    let (mut last, mut line, mut entries) = (None, Vec::new(), 0);
    while read_line(&mut list, &mut line)? {
        let (sha1, count) = parse_line(&line)?;
        match last.replace(sha1) {
            Some(last) if last > sha1 => return Err(invalid("the lines must be ordered by hash")),
            Some(last) if last == sha1 => continue,
            _ if count.is_some_and(|count| count < min_count) => continue,
            _ => {}
        }
        let (bucket, fingerprint) = place(&sha1, bits);
        // The end of the bucket. The buckets after it get theirs below.
        entries += 1;
        if let Some(end) = positions.get_mut(bucket as usize + 1) {
            *end = entries;
        }
        output.write_all(&fingerprint.to_le_bytes())?;
    }
    if last.is_none() {
        return Err(invalid("the list is empty"));
    }
    let mut end = 0;
    output.seek(SeekFrom::Start(0))?;
    output.write_all(&MAGIC)?;
    output.write_all(&VERSION.to_le_bytes())?;
    output.write_all(&bits.to_le_bytes())?;
    output.write_all(&entries.to_le_bytes())?;
    for position in positions {
        end = position.max(end);
        output.write_all(&end.to_le_bytes())?;
    }
    output.flush()?;
    Ok(entries)
}

/// Reads the next line without its line feed. Returns `false` at the end.
fn read_line(list: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let longest = MAX_PWNED_LINE_BYTES as u64 + 3;
    let is_line = list.take(longest).read_until(b'\n', line)? > 0;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(is_line)
}

/// An open filter.
struct Fingerprints<F> {
    file: F,
    bits: u32,
    entries: u64,
}

impl<F: Read + Seek> Fingerprints<F> {
    fn open(mut file: F) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut filter = Self { file, bits: 0, entries: 0 };
        if length < HEADER_BYTES || filter.read_at(0)? != MAGIC {
            return Err(invalid("it is not a filter of breached passwords"));
        }
        let version = u32::from_le_bytes(filter.read_at(8)?);
        filter.bits = u32::from_le_bytes(filter.read_at(12)?);
        filter.entries = u64::from_le_bytes(filter.read_at(16)?);
        if version != VERSION || filter.bits > MAX_PREFIX_BITS {
            return Err(invalid("the filter is of another version; build it again"));
        }
        if filter.entries.checked_mul(4).and_then(|bytes| bytes.checked_add(filter.start())) != Some(length) {
            return Err(invalid("the filter is not complete; build it again"));
        }
        Ok(filter)
    }

    /// Where the fingerprints begin.
    const fn start(&self) -> u64 {
        HEADER_BYTES + 8 * ((1 << self.bits) + 1)
    }

    fn read_at<const N: usize>(&mut self, offset: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn position(&mut self, bucket: u64) -> io::Result<u64> {
        self.read_at(HEADER_BYTES + 8 * bucket).map(u64::from_le_bytes)
    }
}

impl<F: Read + Seek + Send + 'static> Search for Fingerprints<F> {
    fn contains(&mut self, sha1: &Sha1) -> io::Result<bool> {
        let (bucket, fingerprint) = place(sha1, self.bits);
        let (mut low, mut high) = (self.position(bucket)?, self.position(bucket + 1)?);
        if low > high || high > self.entries {
            return Err(invalid("the filter is damaged; build it again"));
        }
        while low < high {
            let middle = low + (high - low) / 2;
            let found = u32::from_le_bytes(self.read_at(self.start() + 4 * middle)?);
            match fingerprint.cmp(&found) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => high = middle,
                std::cmp::Ordering::Greater => low = middle + 1,
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Cursor, ErrorKind};

    use proptest::prelude::*;

    use super::*;
    use crate::lookups::sha1;

    fn line(sha1: &Sha1, count: u64) -> String {
        let hex: String = sha1.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{hex}:{count}\r\n")
    }

    fn built(list: &str, min_count: u64, bits: u32) -> io::Result<(u64, Vec<u8>)> {
        let mut output = Cursor::new(Vec::new());
        let entries = write(list.as_bytes(), &mut output, min_count, bits)?;
        Ok((entries, output.into_inner()))
    }

    /// Digests that do not change from run to run.
    fn digests(count: u32, label: &str) -> BTreeSet<Sha1> {
        (0..count).map(|number| sha1(format!("{label} {number}").as_bytes())).collect()
    }

    #[test]
    fn a_filter_finds_all_of_its_list_and_no_other_digest() {
        let known = digests(5_000, "known");
        let list: String = known.iter().map(|sha1| line(sha1, 1)).collect();
        for bits in [0, 1, 6, 12, MAX_PREFIX_BITS] {
            let (entries, bytes) = built(&list, 1, bits).unwrap();
            let mut filter = Fingerprints::open(Cursor::new(bytes)).unwrap();
            assert_eq!(entries, 5_000);
            assert!(known.iter().all(|sha1| filter.contains(sha1).unwrap()), "{bits} bits");
            // With so few entries a false match has the probability of one in 5,000 even in a single bucket.
            let others = digests(20, "other");
            assert!(!others.iter().any(|sha1| filter.contains(sha1).unwrap()), "{bits} bits");
        }
    }

    #[test]
    fn rare_passwords_can_be_left_out() {
        let known: Vec<Sha1> = digests(300, "known").into_iter().collect();
        let list: String = known.iter().zip(1..).map(|(sha1, count)| line(sha1, count)).collect();
        let (entries, bytes) = built(&list, 101, 2).unwrap();
        let mut filter = Fingerprints::open(Cursor::new(bytes)).unwrap();
        assert_eq!(entries, 200);
        let found: Vec<bool> = known.iter().map(|sha1| filter.contains(sha1).unwrap()).collect();
        assert!(found.iter().zip(0..).all(|(found, number)| *found == (number >= 100)));
    }

    #[test]
    fn a_list_that_is_unsorted_empty_or_something_else_is_refused() {
        let [one, two] = [[1; 20], [2; 20]];
        for list in [
            "",
            "\n",
            "password\n",
            &(line(&two, 1) + &line(&one, 1)),
            &format!("{}{}", line(&one, 1), "1".repeat(90)),
        ] {
            assert_eq!(built(list, 1, 0).unwrap_err().kind(), ErrorKind::InvalidData, "{list:?}");
        }
        assert_eq!(
            built(&(line(&one, 1) + &line(&one, 1)), 1, 0).unwrap().0,
            1,
            "a repeated line counts once"
        );
        let none = built(&line(&one, 1), 2, 0).unwrap();
        assert!(!Fingerprints::open(Cursor::new(none.1)).unwrap().contains(&one).unwrap());
    }

    #[test]
    fn an_incomplete_or_damaged_filter_is_an_error_and_no_answer() {
        let list: String = digests(300, "known").iter().map(|sha1| line(sha1, 1)).collect();
        let (_, bytes) = built(&list, 1, 2).unwrap();
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).unwrap().to_vec();
            assert!(Fingerprints::open(Cursor::new(cut)).is_err(), "{length} bytes");
        }
        for (at, byte) in [(0, b'X'), (8, 9), (12, 3), (16, 1)] {
            let mut other = bytes.clone();
            other[at] = byte;
            assert!(Fingerprints::open(Cursor::new(other)).is_err(), "byte {at}");
        }
        let mut filter = Fingerprints::open(Cursor::new(bytes)).unwrap();
        filter.file.get_mut()[HEADER_BYTES as usize..HEADER_BYTES as usize + 8].fill(0xff);
        assert!(filter.contains(&[0; 20]).is_err());
    }

    #[test]
    fn a_bucket_has_about_64_entries() {
        let bits = |entries| prefix_bits(entries);
        assert_eq!([0, 63, 64, 127, 128, 8_192].map(bits), [0, 0, 0, 0, 1, 7]);
        assert_eq!(bits(2_000_000_000), MAX_PREFIX_BITS);
    }

    proptest! {
        #[test]
        fn no_file_makes_a_look_up_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), sha1: [u8; 20]) {
            let mut header = [&MAGIC[..], &VERSION.to_le_bytes(), &1_u32.to_le_bytes()].concat();
            header.extend(bytes);
            if let Ok(mut filter) = Fingerprints::open(Cursor::new(header)) {
                let _ = filter.contains(&sha1);
            }
        }
    }
}
