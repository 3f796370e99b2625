//! Pwned Passwords: the sorted text file of SHA-1 digests, searched by halving.

use std::fmt;
use std::fs::File;
use std::io::{self, Error, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use async_trait::async_trait;
use gatewright_core::password::{BreachedPasswords, BreachedPasswordsError};
use gatewright_core::{ClientNetwork, Password};

use crate::lookups::{Lookups, Search, Sha1};

/// The longest line of a file of Pwned Passwords: 64 bytes without its end. A digest has 40, a colon and a count
/// follow.
pub const MAX_PWNED_LINE_BYTES: usize = 64;

/// At how many places [`PwnedPasswords::open`] checks that the file is sorted.
const SAMPLES: u64 = 64;

pub(crate) const EMPTY: &str = "the list is empty; download it again";
pub(crate) const UNORDERED: &str = "the lines must be ordered by hash; download the list that is";
pub(crate) const CUT: &str = "the last line must end with a line feed: the list may be incomplete; download it again, or add the line feed if \
     the list is complete";

/// The file of [Pwned Passwords](https://haveibeenpwned.com/Passwords), ordered by hash: each line is a SHA-1 digest in
/// hexadecimal, a colon and a count.
///
/// The file stays on the disk. A look-up reads about 40 places of it, on a thread of this list. At most
/// [`MAX_WAITING_LOOKUPS`](crate::MAX_WAITING_LOOKUPS) wait for that thread. Do not change the file while it is in
/// use: write another one and start again. [`BreachFilter`](crate::BreachFilter) needs a tenth of the space.
///
/// ```
/// use gatewright::Password;
/// use gatewright::password::BreachedPasswords;
/// use gatewright::password::PwnedPasswords;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("pwned-{}.txt", std::process::id()));
/// std::fs::write(&path, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n")?; // the digest of "password"
/// let list = PwnedPasswords::open(&path)?;
/// assert!(list.contains(&Password::new("password"), None).await?);
/// assert!(!list.contains(&Password::new("correct horse battery staple"), None).await?);
/// # std::fs::remove_file(path)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PwnedPasswords(Lookups);

impl PwnedPasswords {
    /// Opens the file, checks that it is sorted at a few places and that its last line is complete, and starts the
    /// thread that reads it.
    ///
    /// A list without a line feed at its end is refused: it may have been cut in its last line. A list
    /// that was cut at the end of a line looks like a shorter list, and is accepted.
    ///
    /// # Errors
    /// The file cannot be read, is not such a file ([`ErrorKind::InvalidData`]), or the system has no more threads. The
    /// error names the file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let lines = File::open(path).and_then(SortedLines::open);
        lines.and_then(Lookups::start).map(Self).map_err(|error| of_file(path, &error))
    }
}

#[async_trait]
impl BreachedPasswords for PwnedPasswords {
    async fn contains(
        &self,
        password: &Password,
        network: Option<ClientNetwork>,
    ) -> Result<bool, BreachedPasswordsError> {
        self.0.contains(password, network).await
    }
}

impl fmt::Debug for PwnedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PwnedPasswords").finish_non_exhaustive()
    }
}

/// Lines that are sorted by the digest at their beginning.
struct SortedLines<F> {
    file: F,
    length: u64,
}

impl<F: Read + Seek> SortedLines<F> {
    fn open(mut file: F) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let Some(end) = length.checked_sub(1) else { return Err(invalid(EMPTY)) };
        let mut lines = Self { file, length };
        let mut last = None;
        for sample in 0..=SAMPLES {
            // The last byte is the end of the last line, which belongs to that line. The last sample is that byte.
            let at = end / SAMPLES * sample + end % SAMPLES * sample / SAMPLES;
            let line = lines.line_at(0, at)?;
            if last.is_some_and(|last| last > line.sha1) {
                return Err(invalid(UNORDERED));
            }
            last = Some(line.sha1);
        }
        lines.file.seek(SeekFrom::Start(end))?;
        let mut last_byte = [0];
        lines.file.read_exact(&mut last_byte)?;
        if last_byte == *b"\n" { Ok(lines) } else { Err(invalid(CUT)) }
    }

    /// The line that contains the byte at `at`. A line begins at `low`.
    fn line_at(&mut self, low: u64, at: u64) -> io::Result<Line> {
        let from = at.saturating_sub(MAX_PWNED_LINE_BYTES as u64).max(low);
        self.file.seek(SeekFrom::Start(from))?;
        let mut window = Vec::with_capacity(2 * MAX_PWNED_LINE_BYTES + 2);
        (&mut self.file).take(2 * MAX_PWNED_LINE_BYTES as u64 + 2).read_to_end(&mut window)?;
        let before = window.get(..(at - from) as usize).unwrap_or_default();
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if from == low => 0,
            None => return Err(invalid("a line is too long")),
        };
        let rest = window.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let (sha1, _) = parse_line(text)?;
        let start = from + start as u64;
        Ok(Line { sha1, start, end: start + length as u64 + 1 })
    }
}

impl<F: Read + Seek + Send + 'static> Search for SortedLines<F> {
    fn contains(&mut self, sha1: &Sha1) -> io::Result<bool> {
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let line = self.line_at(low, low + (high - low) / 2)?;
            match sha1.cmp(&line.sha1) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => high = line.start,
                std::cmp::Ordering::Greater => low = line.end,
            }
        }
        Ok(false)
    }
}

struct Line {
    sha1: Sha1,
    start: u64,
    /// Where the next line begins.
    end: u64,
}

/// The digest of a line, and its count if it has one. `text` has no line feed.
pub(crate) fn parse_line(text: &[u8]) -> io::Result<(Sha1, Option<u64>)> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let is_short = text.len() <= MAX_PWNED_LINE_BYTES;
    let parsed = text.split_at_checked(40).filter(|_| is_short).and_then(|(digits, rest)| {
        let mut sha1 = Sha1::default();
        for (byte, pair) in sha1.iter_mut().zip(digits.chunks(2)) {
            *byte =
                u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| is_hex(pair))?, 16).ok()?;
        }
        match rest.strip_prefix(b":") {
            None => rest.is_empty().then_some((sha1, None)),
            Some(count) => Some((sha1, Some(std::str::from_utf8(count).ok()?.trim().parse().ok()?))),
        }
    });
    parsed.ok_or_else(|| invalid("a line must be the 40 hexadecimal digits of a SHA-1, a colon and a count"))
}

/// `from_str_radix` accepts a sign.
fn is_hex(pair: &str) -> bool {
    pair.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(crate) fn invalid(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, problem.into())
}

/// The same error, with the name of its file.
pub(crate) fn of_file(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn hex(sha1: &Sha1) -> String {
        sha1.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    fn open(text: &str) -> io::Result<SortedLines<Cursor<Vec<u8>>>> {
        SortedLines::open(Cursor::new(text.as_bytes().to_vec()))
    }

    fn digest(byte: u8) -> Sha1 {
        let mut sha1 = [7; 20];
        sha1[0] = byte;
        sha1
    }

    #[test]
    fn lines_end_in_any_usual_way_and_may_have_no_count() {
        let [one, two] = [digest(1), digest(9)].map(|sha1| hex(&sha1));
        for text in [
            format!("{one}:3\r\n{two}:12\r\n"),
            format!("{one}:3\n{two}:12\n"),
            format!("{one}\n{two}\n"),
            format!("{}\n{}\n", one.to_lowercase(), two.to_lowercase()),
        ] {
            let mut lines = open(&text).unwrap();
            let found = [0, 1, 5, 9, 255].map(|byte| lines.contains(&digest(byte)).unwrap());
            assert_eq!(found, [false, true, false, true, false], "{text:?}");
        }
    }

    #[test]
    fn other_files_are_refused_when_they_are_opened() {
        let (one, two) = (hex(&digest(1)), hex(&digest(9)));
        let long = format!("{one}:{}", "1".repeat(30));
        let ntlm = "8846F7EAEE8FB117AD06BDD830B7586C:9545824";
        let sign = format!("{}:1", one.replacen("01", "+1", 1));
        for text in
            ["", "\n", "password", ntlm, &format!("{two}:1\n{one}:1\n"), &long, &sign, &format!("{one}:x")]
        {
            assert_eq!(open(text).err().map(|error| error.kind()), Some(ErrorKind::InvalidData), "{text:?}");
        }
    }

    #[test]
    fn a_list_that_was_cut_in_a_line_is_refused() {
        let text: String = (0..100).map(|byte| format!("{}:17\r\n", hex(&digest(byte)))).collect();
        let line = text.len() / 100;
        for length in text.len() - 2 * line..=text.len() {
            let opened = open(text.get(..length).unwrap());
            assert_eq!(opened.is_ok(), length % line == 0, "{length} bytes");
        }
        // The lowest line comes last. Only the last sample reads it.
        let (lowest, others) = text.split_at(line);
        let swapped = format!("{others}{lowest}");
        assert!(open(&swapped).is_err());
    }

    #[test]
    fn an_error_of_a_list_names_its_file_the_rule_and_the_fix() {
        let path = std::env::temp_dir().join(format!("pwned-cut-{}.txt", std::process::id()));
        std::fs::write(&path, hex(&digest(1))).unwrap();
        let error = PwnedPasswords::open(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::InvalidData, format!("{}: {CUT}", path.display()))
        );
    }

    /// The file was changed while it is in use.
    #[test]
    fn a_damaged_line_is_an_error_and_no_answer() {
        let text: String = (0..100).map(|byte| format!("{}:1\n", hex(&digest(byte)))).collect();
        let mut lines = open(&text).unwrap();
        lines.file.get_mut().fill(b'x');
        assert!(lines.contains(&digest(3)).is_err());
        lines.file.get_mut().clear();
        assert!(lines.contains(&digest(3)).is_err());
    }

    proptest! {
        #[test]
        fn every_line_is_found_and_nothing_else(
            heads in prop::collection::btree_set(any::<[u8; 3]>(), 1..60),
            others in prop::collection::vec(any::<[u8; 3]>(), 0..20),
            count in 0_u64..100_000_000_000,
        ) {
            let full = |head: &[u8; 3]| {
                let mut sha1 = [0; 20];
                sha1[..3].copy_from_slice(head);
                sha1
            };
            let text: String = heads.iter().map(|head| format!("{}:{count}\r\n", hex(&full(head)))).collect();
            let mut lines = open(&text).unwrap();
            let known: BTreeSet<_> = heads.clone();
            for head in heads.iter().chain(&others) {
                prop_assert_eq!(lines.contains(&full(head)).unwrap(), known.contains(head));
            }
        }
    }
}
