//! States as bytes: numbers in big endian, lists with their length.

use crate::types::Timestamp;

/// Writes the parts of a state.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.u64(time.as_micros());
    }

    /// A list of numbers, each with a time.
    pub(super) fn list(&mut self, entries: &[Entry]) {
        self.u32(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        for entry in entries {
            self.u64(entry.id);
            self.time(entry.at);
        }
    }
}

/// Reads the parts of a state. `None` if they are not there.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let micros = self.u64()?;
        let time = Timestamp::from_micros(micros);
        (time.as_micros() == micros).then_some(time)
    }

    pub(super) fn list(&mut self) -> Option<Vec<Entry>> {
        let count = usize::try_from(self.u32()?).ok()?;
        // A corrupt length must not reserve memory.
        if count.checked_mul(16)? > self.0.len() {
            return None;
        }
        (0..count).map(|_| Some(Entry { id: self.u64()?, at: self.time()? })).collect()
    }

    /// Whether everything was read.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A reservation, a network or an account, with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) at: Timestamp,
}

impl Entry {
    pub(super) const fn new(id: u64, at: Timestamp) -> Self {
        Self { id, at }
    }
}

/// Removes the entry with this id, and returns it.
pub(super) fn remove(entries: &mut Vec<Entry>, id: u64) -> Option<Entry> {
    let position = entries.iter().position(|entry| entry.id == id)?;
    Some(entries.remove(position))
}
