//! Bytes of a packet, with what the snap length took off them.

use super::trouble::Trouble;

/// The rest of a packet from some header on.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// What was captured.
    pub data: &'a [u8],
    /// Bytes behind it that were on the wire and not captured.
    pub missing: u32,
}

impl<'a> Span<'a> {
    /// Length on the wire in bytes.
    #[inline]
    pub const fn wire_len(&self) -> u32 {
        (self.data.len() as u32).saturating_add(self.missing)
    }

    /// Why bytes that should be here are not.
    #[inline]
    pub const fn short(&self) -> Trouble {
        if self.missing > 0 { Trouble::Cut } else { Trouble::Short }
    }

    /// The first `N` bytes.
    #[inline]
    pub fn head<const N: usize>(&self) -> Result<&'a [u8; N], Trouble> {
        self.data.first_chunk().ok_or(self.short())
    }

    /// What follows the first `n` bytes.
    #[inline]
    pub fn after(&self, n: usize) -> Result<Self, Trouble> {
        Ok(Self { data: self.data.get(n..).ok_or(self.short())?, missing: self.missing })
    }

    /// The big-endian 16-bit number at an offset.
    #[inline]
    pub fn u16(&self, at: usize) -> Result<u16, Trouble> {
        let raw = self.data.get(at..).and_then(|rest| rest.first_chunk());
        raw.map(|raw| u16::from_be_bytes(*raw)).ok_or(self.short())
    }

    /// The big-endian 32-bit number at an offset.
    #[inline]
    pub fn u32(&self, at: usize) -> Result<u32, Trouble> {
        let raw = self.data.get(at..).and_then(|rest| rest.first_chunk());
        raw.map(|raw| u32::from_be_bytes(*raw)).ok_or(self.short())
    }

    /// The first `length` bytes on the wire, as many of them as were captured.
    #[inline]
    pub fn limit(&self, length: u32) -> Self {
        let have = self.data.len().min(length as usize);
        let data = self.data.get(..have).unwrap_or_default();
        Self { data, missing: length - have as u32 }
    }
}
