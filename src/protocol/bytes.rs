//! Reading binary fields off the front of a slice.

/// Bytes read from the front. Every reader gives `None` when there are too few.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }
    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).and_then(|b| b.first().copied())
    }
    /// The next two bytes, big-endian.
    pub fn u16(&mut self) -> Option<u16> {
        self.take(2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes)
    }
    /// The next three bytes, big-endian.
    pub fn u24(&mut self) -> Option<u32> {
        match self.take(3)? {
            &[a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
            _ => None,
        }
    }
    /// The next four bytes, big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.take(4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)
    }
    /// Bytes after a one-byte length.
    pub fn vec8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }
    /// Bytes after a two-byte length.
    pub fn vec16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
    /// Bytes after a three-byte length.
    pub fn vec24(&mut self) -> Option<&'a [u8]> {
        let length = self.u24()?;
        self.take(length as usize)
    }
    /// Bytes after a two-byte length, as many as there are, and whether that is all of them.
    pub fn vec16_or_less(&mut self) -> Option<(&'a [u8], bool)> {
        let length = usize::from(self.u16()?);
        let whole = length <= self.0.len();
        Some((self.take(length.min(self.0.len()))?, whole))
    }
}
