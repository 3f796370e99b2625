//! A compact file of breached passwords: sorted 32-bit fingerprints of their SHA-1 digests.
//!
//! ```text
//! magic (8) │ version (4) │ prefix bits k (4) │ entries n (8) │ checksum (32)
//!           │ 2^k + 1 positions (8 each) │ n fingerprints (4 each)
//! ```
//!
//! All numbers are little-endian. The first k bits of a digest choose a bucket, the next 32 are its fingerprint. The
//! positions say where the bucket of each prefix begins. Within a bucket the fingerprints are sorted. The checksum is the
//! SHA-256 of the bytes before it and of the positions.
//!
//! A copy that was interrupted can have holes, which read as zeros. The checksum finds holes in the header and in the
//! positions when the filter is opened. No fingerprint is zero, so a look-up finds a hole in its bucket.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use gatewright_core::password::{BreachedPasswords, BreachedPasswordsError};
use gatewright_core::{ClientNetwork, Password};

use crate::lookups::{Lookups, Search, Sha1};
use crate::pwned::{CUT, EMPTY, MAX_PWNED_LINE_BYTES, UNORDERED, invalid, of_file, parse_line};

const MAGIC: [u8; 8] = *b"GWBREACH";
const VERSION: u32 = 2;
/// The header without its checksum.
const HEAD_BYTES: usize = 24;
const HEADER_BYTES: u64 = 56;

type Checksum = [u8; 32];

const DAMAGED: &str = "the filter is damaged; build it again";
const NO_FILTER: &str = "it is not a filter of breached passwords";

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
/// The file stays on the disk. A look-up reads 3 places of it, on a thread of this filter. At most
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
/// assert!(filter.contains(&Password::new("password"), None).await?);
/// assert!(!filter.contains(&Password::new("correct horse battery staple"), None).await?);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BreachFilter(Lookups);

impl BreachFilter {
    /// Opens a filter, and starts the thread that reads it. It reads the positions, at most 32 MiB.
    ///
    /// # Errors
    /// The file cannot be read, is not a complete filter ([`InvalidData`](ErrorKind::InvalidData)), or the system has
    /// no more threads. The error names the file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let filter = File::open(path).and_then(Fingerprints::open);
        filter.and_then(Lookups::start).map(Self).map_err(|error| of_file(path, &error))
    }

    /// Whether the file begins as a filter does, for programs that accept both kinds of list.
    ///
    /// # Errors
    /// The file cannot be read. The error names the file.
    pub fn recognizes(path: impl AsRef<Path>) -> io::Result<bool> {
        let (path, mut start) = (path.as_ref(), Vec::new());
        let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
        read.map(|_| start == MAGIC).map_err(|error| of_file(path, &error))
    }

    /// Builds a filter of a file that [`PwnedPasswords`](crate::PwnedPasswords) could open, and returns how many
    /// passwords it has. Passwords that occur less than `min_count` times are left out. A line without a count is kept.
    ///
    /// It reads the list once, from its beginning to its end, and needs at most 32 MiB of memory. It blocks.
    ///
    /// It writes to a file in the same folder whose name ends with `.part`, and renames it when the disk has all of
    /// it. So a crash leaves no incomplete filter. It can leave that file, which the next build refuses to overwrite.
    ///
    /// # Errors
    /// The list cannot be read, is not ordered by hash, is empty, ends in the middle of a line, or has no password
    /// that occurs so often ([`InvalidData`](ErrorKind::InvalidData)); or the filter or its `.part` exists already
    /// ([`AlreadyExists`](ErrorKind::AlreadyExists)) or cannot be written. Then no filter is left behind. The error
    /// names the file.
    pub fn build(list: impl AsRef<Path>, filter: impl AsRef<Path>, min_count: u64) -> io::Result<u64> {
        let (list, filter) = (list.as_ref(), filter.as_ref());
        refuse_existing(filter)?;
        let part = Part::create(filter)?;
        let entries = part.fill(list, min_count)?;
        // Another program may have made it meanwhile.
        refuse_existing(filter)?;
        part.publish(filter)?;
        Ok(entries)
    }
}

/// A rename would replace the file.
fn refuse_existing(filter: &Path) -> io::Result<()> {
    let exists = filter.try_exists().map_err(|error| of_file(filter, &error))?;
    let error = || {
        io::Error::new(ErrorKind::AlreadyExists, "the file exists already; delete it, or choose another name")
    };
    if exists { Err(of_file(filter, &error())) } else { Ok(()) }
}

/// A filter that is being written. The file is deleted when this is dropped.
struct Part {
    path: PathBuf,
    file: File,
    is_published: bool,
}

impl Part {
    fn create(filter: &Path) -> io::Result<Self> {
        let mut path = filter.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let file =
            File::options().write(true).create_new(true).open(&path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => of_file(
                    &path,
                    &io::Error::new(
                        error.kind(),
                        "another build writes it, or one was interrupted; if none runs, delete it",
                    ),
                ),
                _ => of_file(&path, &error),
            })?;
        Ok(Self { path, file, is_published: false })
    }

    /// Writes the filter of a list to the disk.
    fn fill(&self, list: &Path, min_count: u64) -> io::Result<u64> {
        let of_list = |error: io::Error| of_file(list, &error);
        let input = File::open(list).map_err(of_list)?;
        let expected = input.metadata().map_err(of_list)?.len() / USUAL_LINE_BYTES;
        let input = BufReader::with_capacity(1 << 20, input);
        let mut output = BufWriter::new(&self.file);
        let written = write(input, &mut output, min_count, prefix_bits(expected));
        let entries = written.map_err(|error| match error.kind() {
            ErrorKind::InvalidData => of_list(error),
            _ => io::Error::new(
                error.kind(),
                format!("{} from {}: {error}", self.path.display(), list.display()),
            ),
        })?;
        self.file.sync_all().map_err(|error| of_file(&self.path, &error))?;
        Ok(entries)
    }

    fn publish(mut self, filter: &Path) -> io::Result<()> {
        fs::rename(&self.path, filter).map_err(|error| of_file(filter, &error))?;
        self.is_published = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_published {
            // The next build says what to do if it is still there.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[async_trait]
impl BreachedPasswords for BreachFilter {
    async fn contains(
        &self,
        password: &Password,
        network: Option<ClientNetwork>,
    ) -> Result<bool, BreachedPasswordsError> {
        self.0.contains(password, network).await
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

/// The bucket of a digest, and its fingerprint, which is never zero.
fn place(sha1: &Sha1, bits: u32) -> (u64, u32) {
    let head = sha1.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    let bucket = head.checked_shr(64 - bits).unwrap_or_default();
    (bucket, ((head << bits >> 32) as u32).max(1))
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
    let (mut last, mut line, mut entries, mut is_complete) = (None, Vec::new(), 0, true);
    while read_line(&mut list, &mut line, &mut is_complete)? {
        let (sha1, count) = parse_line(&line)?;
        match last.replace(sha1) {
            Some(last) if last > sha1 => return Err(invalid(UNORDERED)),
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
    match last {
        None => return Err(invalid(EMPTY)),
        Some(_) if !is_complete => return Err(invalid(CUT)),
        Some(_) if entries == 0 => {
            return Err(invalid(format!(
                "no password of the list occurs at least {min_count} times; lower the minimum"
            )));
        }
        Some(_) => {}
    }
    let mut end = 0;
    for position in &mut positions {
        end = end.max(*position);
        *position = end;
    }
    write_start(output, bits, entries, &positions)?;
    output.flush()?;
    Ok(entries)
}

/// Writes the header and the positions.
fn write_start(
    output: &mut (impl Write + Seek),
    bits: u32,
    entries: u64,
    positions: &[u64],
) -> io::Result<()> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend(MAGIC);
    head.extend(VERSION.to_le_bytes());
    head.extend(bits.to_le_bytes());
    head.extend(entries.to_le_bytes());
    let mut checksum = Context::new(&SHA256);
    checksum.update(&head);
    positions.iter().for_each(|position| checksum.update(&position.to_le_bytes()));
    output.seek(SeekFrom::Start(0))?;
    output.write_all(&head)?;
    output.write_all(checksum.finish().as_ref())?;
    positions.iter().try_for_each(|position| output.write_all(&position.to_le_bytes()))
}

/// Reads the next line without its line feed, and whether it had one. Returns `false` at the end.
fn read_line(list: &mut impl BufRead, line: &mut Vec<u8>, is_complete: &mut bool) -> io::Result<bool> {
    line.clear();
    let longest = MAX_PWNED_LINE_BYTES as u64 + 3;
    if list.take(longest).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    *is_complete = line.last() == Some(&b'\n');
    if *is_complete {
        line.pop();
    }
    Ok(true)
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
            return Err(invalid(NO_FILTER));
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
        let is_empty = filter.entries == 0;
        if is_empty || filter.checksum()? != filter.read_at::<{ size_of::<Checksum>() }>(HEAD_BYTES as u64)? {
            return Err(invalid(DAMAGED));
        }
        Ok(filter)
    }

    /// Computes the checksum of the header and of the positions.
    fn checksum(&mut self) -> io::Result<Checksum> {
        let mut checksum = Context::new(&SHA256);
        checksum.update(&self.read_at::<HEAD_BYTES>(0)?);
        let positions = self.start() - HEADER_BYTES;
        let mut reader = BufReader::with_capacity(1 << 16, self.part(HEADER_BYTES, positions)?);
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            checksum.update(bytes);
            let read = bytes.len();
            reader.consume(read);
        }
        checksum.finish().as_ref().try_into().map_err(|_| invalid(DAMAGED))
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

    fn part(&mut self, offset: u64, length: u64) -> io::Result<impl Read> {
        self.file.seek(SeekFrom::Start(offset))?;
        Ok((&mut self.file).take(length))
    }

    fn position(&mut self, bucket: u64) -> io::Result<u64> {
        self.read_at(HEADER_BYTES + 8 * bucket).map(u64::from_le_bytes)
    }
}

impl<F: Read + Seek + Send + 'static> Search for Fingerprints<F> {
    fn contains(&mut self, sha1: &Sha1) -> io::Result<bool> {
        let (bucket, fingerprint) = place(sha1, self.bits);
        let (low, high) = (self.position(bucket)?, self.position(bucket + 1)?);
        if low > high || high > self.entries {
            return Err(invalid(DAMAGED));
        }
        // Reading the whole bucket shows whether it is intact. It is about one block of the disk.
        let mut reader =
            BufReader::with_capacity(1 << 12, self.part(self.start() + 4 * low, 4 * (high - low))?);
        let (mut last, mut is_found) = (0, false);
        for _ in low..high {
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes)?;
            let found = u32::from_le_bytes(bytes);
            if found == 0 || last > found {
                return Err(invalid(DAMAGED));
            }
            is_found |= found == fingerprint;
            last = found;
        }
        Ok(is_found)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Cursor;

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
            line(&one, 1).trim_end(),
        ] {
            assert_eq!(built(list, 1, 0).unwrap_err().kind(), ErrorKind::InvalidData, "{list:?}");
        }
        assert_eq!(
            built(&(line(&one, 1) + &line(&one, 1)), 1, 0).unwrap().0,
            1,
            "a repeated line counts once"
        );
        let none = built(&line(&one, 1), 2, 0).unwrap_err();
        assert_eq!(none.to_string(), "no password of the list occurs at least 2 times; lower the minimum");
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("breach-filter-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_build_replaces_no_file_and_leaves_nothing_behind_if_it_fails() {
        let folder = folder("build");
        let (list, filter) = (folder.join("pwned.txt"), folder.join("pwned.filter"));
        let part = folder.join("pwned.filter.part");
        let build = || BreachFilter::build(&list, &filter, 1);
        assert_eq!(build().unwrap_err().kind(), ErrorKind::NotFound);
        fs::write(&list, line(&[1; 20], 1).trim_end()).unwrap();
        let cut = build().unwrap_err();
        assert_eq!(cut.to_string(), format!("{}: {CUT}", list.display()));
        assert!(!filter.exists() && !part.exists());

        fs::write(&list, line(&[1; 20], 1)).unwrap();
        fs::write(&part, "an interrupted build").unwrap();
        let interrupted = build().unwrap_err();
        assert_eq!(interrupted.kind(), ErrorKind::AlreadyExists);
        assert!(interrupted.to_string().starts_with(&format!("{}: ", part.display())), "{interrupted}");
        assert_eq!(fs::read(&part).unwrap(), b"an interrupted build");
        fs::remove_file(&part).unwrap();

        assert_eq!(build().unwrap(), 1);
        assert!(filter.exists() && !part.exists());
        let complete = fs::read(&filter).unwrap();
        assert_eq!(build().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&filter).unwrap(), complete);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_error_of_a_filter_names_its_file() {
        let folder = folder("open");
        let path = folder.join("pwned.filter");
        fs::write(&path, "no filter").unwrap();
        let error = BreachFilter::open(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {NO_FILTER}", path.display()));
        fs::remove_dir_all(folder).unwrap();
    }

    /// Zeros from each offset to each other one, as an interrupted copy or a crash leaves them.
    #[test]
    fn a_hole_in_any_section_hides_no_password() {
        let known = digests(60, "known");
        let list: String = known.iter().map(|sha1| line(sha1, 1)).collect();
        let (_, bytes) = built(&list, 1, 2).unwrap();
        let start = HEADER_BYTES as usize + 8 * 5;
        for from in (0..bytes.len()).step_by(4) {
            for to in [from + 4, from + 64, start, bytes.len()].into_iter().filter(|to| *to > from) {
                let mut other = bytes.clone();
                other.iter_mut().take(to).skip(from).for_each(|byte| *byte = 0);
                if other == bytes {
                    continue;
                }
                let is_start_intact = other[..start] == bytes[..start];
                let opened = Fingerprints::open(Cursor::new(other));
                assert_eq!(opened.is_ok(), is_start_intact, "a hole from {from} to {to}");
                let Ok(mut filter) = opened else { continue };
                assert!(
                    known.iter().all(|sha1| filter.contains(sha1).unwrap_or(true)),
                    "a hole from {from} to {to}"
                );
                assert!(
                    known.iter().any(|sha1| filter.contains(sha1).is_err()),
                    "a hole from {from} to {to}"
                );
            }
        }
    }

    #[test]
    fn an_incomplete_or_damaged_filter_is_an_error_and_no_answer() {
        let list: String = digests(300, "known").iter().map(|sha1| line(sha1, 1)).collect();
        let (_, bytes) = built(&list, 1, 2).unwrap();
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).unwrap().to_vec();
            assert!(Fingerprints::open(Cursor::new(cut)).is_err(), "{length} bytes");
        }
        for (at, byte) in [(0, b'X'), (8, 9), (8, 1), (12, 3), (16, 1), (24, 1), (56, 1), (60, 1), (95, 1)] {
            let mut other = bytes.clone();
            other[at] ^= byte;
            assert!(Fingerprints::open(Cursor::new(other)).is_err(), "byte {at}");
        }
        let mut filter = Fingerprints::open(Cursor::new(bytes)).unwrap();
        filter.file.get_mut()[HEADER_BYTES as usize..HEADER_BYTES as usize + 8].fill(0xff);
        assert!(filter.contains(&[0; 20]).is_err());
        let mut empty = Cursor::new(Vec::new());
        write_start(&mut empty, 0, 0, &[0, 0]).unwrap();
        assert!(Fingerprints::open(empty).is_err(), "a filter without an entry");
    }

    #[test]
    fn a_bucket_has_about_64_entries() {
        let bits = |entries| prefix_bits(entries);
        assert_eq!([0, 63, 64, 127, 128, 8_192].map(bits), [0, 0, 0, 0, 1, 7]);
        assert_eq!(bits(2_000_000_000), MAX_PREFIX_BITS);
    }

    proptest! {
        #[test]
        fn no_file_makes_a_look_up_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            bits in 0_u32..3,
            entries in 0_u64..40,
            sha1: [u8; 20],
        ) {
            let mut header = [&MAGIC[..], &VERSION.to_le_bytes(), &1_u32.to_le_bytes()].concat();
            header.extend(&bytes);
            let _ = Fingerprints::open(Cursor::new(header));
            let _ = Fingerprints { file: Cursor::new(bytes), bits, entries }.contains(&sha1);
        }
    }
}
