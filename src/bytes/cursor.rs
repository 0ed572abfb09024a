//! Parses numbers and strings from bytes.

/// Reads bytes from the front. Every method returns none at the end of the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor over little-endian numbers.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, big_endian: false }
    }

    /// Creates a cursor over numbers in the given byte order.
    pub(crate) fn in_order(bytes: &'a [u8], big_endian: bool) -> Self {
        Cursor { bytes, big_endian }
    }

    /// Returns the bytes that have not been read.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    /// Reads the next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(front)
    }

    /// Reads the bytes up to the next zero, which is skipped.
    pub(crate) fn terminated(&mut self) -> Option<&'a [u8]> {
        let text = self.take(memchr::memchr(0, self.bytes)?)?;
        self.take(1)?;
        Some(text)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut array: [u8; N] = self.take(N)?.try_into().ok()?;
        if self.big_endian {
            array.reverse();
        }
        Some(array)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }
}
