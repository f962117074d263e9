//! Numbers in either byte order.

/// The byte order of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Least significant byte first.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// The 16-bit number at an offset, if its bytes are there.
    #[inline]
    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    /// The 32-bit number at an offset, if its bytes are there.
    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    /// The signed 64-bit number at an offset, if its bytes are there.
    pub fn i64(self, bytes: &[u8], at: usize) -> Option<i64> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Big { i64::from_be_bytes(raw) } else { i64::from_le_bytes(raw) })
    }

    /// Appends a 16-bit number.
    pub fn put_u16(self, out: &mut Vec<u8>, value: u16) {
        out.extend(if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// Appends a 32-bit number.
    pub fn put_u32(self, out: &mut Vec<u8>, value: u32) {
        out.extend(self.u32_bytes(value));
    }

    /// The bytes of a 32-bit number.
    pub const fn u32_bytes(self, value: u32) -> [u8; 4] {
        match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        }
    }
}
