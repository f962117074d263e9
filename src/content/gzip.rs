//! The gzip header (RFC 1952, 2.3).

/// What a header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'a> {
    /// Bytes it takes.
    pub length: usize,
    /// Original file name.
    pub name: Option<&'a [u8]>,
}

/// Reads a header that is whole in `head`.
pub(super) fn header(head: &[u8]) -> Option<Header<'_>> {
    let rest = head.strip_prefix(b"\x1f\x8b\x08")?;
    let flags = *rest.first()?;
    let mut at = 10_usize;
    if flags & 4 != 0 {
        let length = u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]);
        at += 2 + usize::from(length);
    }
    let string = |from: usize| {
        let text = head.get(from..)?;
        let end = memchr::memchr(0, text)?;
        Some((&text[..end], from + end + 1))
    };
    let mut name = None;
    if flags & 8 != 0 {
        let (text, after) = string(at)?;
        (name, at) = (Some(text), after);
    }
    if flags & 16 != 0 {
        at = string(at)?.1;
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= head.len()).then_some(Header { length: at, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_everything() {
        let bytes = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x02\0xyloot.tar\0note\0\xaa\xbbDATA";
        assert_eq!(header(bytes), Some(Header { length: 30, name: Some(b"loot.tar") }));
        for end in 0..30 {
            assert_eq!(header(&bytes[..end]), None, "{end}");
        }
    }
}
