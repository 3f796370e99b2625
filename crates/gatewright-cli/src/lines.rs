//! Reads lines: split at LF only, not trimmed, of limited length.

use std::io::{self, BufRead};

use gatewright_jwt::MAX_PROFILE_TOKEN_BYTES;

/// One byte more than the longest token of any profile, to detect lines that are too long.
const KEPT_BYTES: usize = MAX_PROFILE_TOKEN_BYTES + 1;

/// Reads the next line without its LF into `line`. Returns `false` at the end of the input. A line
/// that is too long is cut off.
pub(crate) fn next(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut has_line = false;
    loop {
        let chunk = match input.fill_buf() {
            Ok([]) => return Ok(has_line),
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        has_line = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = KEPT_BYTES.saturating_sub(line.len());
        line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let used = end.map_or(chunk.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(input: &[u8], chunk: usize) -> Vec<Vec<u8>> {
        let mut input = io::BufReader::with_capacity(chunk, input);
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while next(&mut input, &mut line).unwrap() {
            lines.push(line.clone());
        }
        lines
    }

    #[test]
    fn lines_end_at_lf_only_and_are_not_trimmed() {
        for chunk in [1, 2, 3, 100] {
            assert_eq!(split(b"", chunk), Vec::<Vec<u8>>::new());
            assert_eq!(split(b"a", chunk), [b"a"]);
            assert_eq!(split(b"a\n", chunk), [b"a"]);
            assert_eq!(split(b"\n\n", chunk), [b"", b""]);
            assert_eq!(
                split(b" a\r\nb\x0b\x85\xe2\x80\xa8c", chunk),
                [&b" a\r"[..], b"b\x0b\x85\xe2\x80\xa8c"]
            );
        }
    }

    #[test]
    fn a_long_line_is_cut_off_and_the_next_line_is_complete() {
        let input = [vec![b'x'; 100_000], b"\ny".to_vec()].concat();
        let lines = split(&input, 777);
        assert_eq!((lines[0].len(), lines[1].as_slice()), (MAX_PROFILE_TOKEN_BYTES + 1, &b"y"[..]));
    }
}
