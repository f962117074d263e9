//! Types by first bytes.

/// Where in a body a signature stands.
struct Signature {
    /// The name it is printed by.
    name: &'static str,
    /// Offset of the bytes.
    offset: usize,
    /// The bytes.
    bytes: &'static [u8],
}

const fn at(offset: usize, bytes: &'static [u8], name: &'static str) -> Signature {
    Signature { name, offset, bytes }
}

/// Signatures, the first that fits names the type. The comments state the source.
const SIGNATURES: &[Signature] = &[
    at(0, b"PK\x03\x04", "zip"),                       // APPNOTE 6.3.10, 4.3.7
    at(0, b"PK\x05\x06", "zip"),                       // empty archive, APPNOTE 4.3.16
    at(0, b"PK00PK\x03\x04", "zip"),                   // spanned marker in one segment, APPNOTE 8.5.4
    at(0, b"Rar!\x1a\x07\x00", "rar"),                 // RAR 1.5 to 4, technote.txt of unrar
    at(0, b"Rar!\x1a\x07\x01\x00", "rar"),             // RAR 5.0 archive format, rarlab.com
    at(0, b"7z\xbc\xaf\x27\x1c", "7z"),                // 7zFormat.txt of the LZMA SDK
    at(0, b"\x1f\x8b\x08", "gzip"),                    // RFC 1952, 2.3.1; method 8 is the only one
    at(0, b"BZh", "bzip2"),                            // bzip2 manual; level checked below
    at(0, b"\xfd7zXZ\0", "xz"),                        // xz file format 1.2.1, 2.1.1.1
    at(0, b"\x28\xb5\x2f\xfd", "zstd"),                // RFC 8878, 3.1.1
    at(0, b"\x04\x22\x4d\x18", "lz4"),                 // LZ4 frame format
    at(257, b"ustar", "tar"),                          // POSIX pax, ustar interchange format
    at(0, b"MSCF\0\0\0\0", "cab"),                     // MS-CAB, CFHEADER
    at(0, b"\x89PNG\r\n\x1a\n", "png"),                // PNG specification, 5.2
    at(0, b"\xff\xd8\xff", "jpeg"),                    // ITU T.81, SOI and the next marker
    at(0, b"GIF87a", "gif"),                           // GIF specification
    at(0, b"GIF89a", "gif"),                           // GIF specification
    at(0, b"BM", "bmp"),                               // BITMAPFILEHEADER; size and offset checked below
    at(0, b"MZ", "pe"),                                // PE/COFF specification; PE header checked below
    at(0, b"\x7fELF", "elf"),                          // System V ABI, gabi 4
    at(0, b"\xfe\xed\xfa\xce", "macho"),               // mach-o/loader.h, 32 bits
    at(0, b"\xfe\xed\xfa\xcf", "macho"),               // 64 bits
    at(0, b"\xce\xfa\xed\xfe", "macho"),               // 32 bits, little endian
    at(0, b"\xcf\xfa\xed\xfe", "macho"),               // 64 bits, little endian
    at(0, b"\xca\xfe\xba\xbe", "class"),               // JVMS 4.1; fat Mach-O shares it, told apart below
    at(0, b"SQLite format 3\0", "sqlite"),             // sqlite.org/fileformat2.html, 1.3
    at(0, b"%PDF-", "pdf"),                            // ISO 32000-1, 7.5.2
    at(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), // MS-CFB, 2.2
    at(0, b"{\\rtf", "rtf"),                           // RTF specification 1.9.1
    at(0, b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", "lnk"), // MS-SHLLINK, 2.1
    at(0, b"dex\n0", "dex"),                           // Dalvik executable format
    at(0, b"Cr24", "crx"),                             // Chromium crx3
    at(0, b"\xd4\xc3\xb2\xa1", "pcap"),                // libpcap savefile
    at(0, b"\xa1\xb2\xc3\xd4", "pcap"),                // libpcap savefile
    at(0, b"\x0a\x0d\x0d\x0a", "pcapng"),              // IETF opsawg pcapng, SHB
    at(0, b"\x00\x00\x01\x00", "ico"),                 // ICONDIR; count checked below
    at(0, b"RIFF", "riff"),                            // RIFF; WAVE, WEBP and AVI told apart below
    at(4, b"ftyp", "mp4"),                             // ISO 14496-12, file type box
    at(0, b"OggS", "ogg"),                             // RFC 3533
    at(0, b"fLaC", "flac"),                            // RFC 9639
    at(0, b"ID3", "mp3"),                              // id3.org, ID3v2
    at(0, b"\x1a\x45\xdf\xa3", "matroska"),            // RFC 8794, EBML
    at(0, b"FWS", "swf"),                              // SWF file format, version checked below
    at(0, b"CWS", "swf"),                              // SWF, zlib
    at(0, b"ZWS", "swf"),                              // SWF, LZMA
    at(0, b"MDMP\x93\xa7", "minidump"),                // MINIDUMP_HEADER
    at(0, b"regf", "regf"),                            // Windows registry hive, msuhanov/regf
    at(0, b"!BDN", "pst"),                             // MS-PST, 2.2.2.6
    at(0, b"\x00asm", "wasm"),                         // WebAssembly core specification, 5.5.16
    at(0, b"\x00\x01\x00\x00Standard ", "mdb"),        // Jet database
    at(0, b"WSR$", "wsr"), // report container of a stealer, described in public analyses
];

fn u32le(bytes: &[u8], offset: usize) -> Option<u32> {
    let end = offset.checked_add(4)?;
    bytes.get(offset..end)?.try_into().ok().map(u32::from_le_bytes)
}

/// The type of a body by its first bytes (512 of them decide all). A text is named only where its first bytes are a
/// signature (`html` and the like are shapes, not types).
pub(super) fn identify(head: &[u8]) -> Option<&'static str> {
    let fits = |s: &&Signature| {
        head.get(s.offset) == s.bytes.first()
            && head.get(s.offset..).is_some_and(|rest| rest.starts_with(s.bytes))
    };
    let begins = head.first().is_some_and(|byte| BEGINS[usize::from(*byte)]);
    let inside = |s: &&Signature| begins || s.offset > 0;
    let any = begins || head.get(4) == Some(&b'f') || head.get(257) == Some(&b'u');
    let mut signatures = SIGNATURES.iter().filter(|_| any).filter(inside).filter(fits);
    signatures.find_map(|s| confirm(s.name, head)).or_else(|| text(head))
}

/// The bytes with which a signature at the start begins.
const BEGINS: [bool; 256] = {
    let mut begins = [false; 256];
    let mut n = 0;
    while n < SIGNATURES.len() {
        if SIGNATURES[n].offset == 0 {
            begins[SIGNATURES[n].bytes[0] as usize] = true;
        }
        n += 1;
    }
    begins
};

/// Checks what short signatures leave open, and tells containers apart.
fn confirm(name: &'static str, head: &[u8]) -> Option<&'static str> {
    match name {
        "pe" => portable(head).then_some("pe"),
        "bmp" => {
            // The file size is often left 0 by writers; the pixel offset never is, and the DIB header size is known.
            let known = matches!(u32le(head, 14), Some(12 | 40 | 52 | 56 | 64 | 108 | 124));
            (known && u32le(head, 10).is_some_and(|offset| (26..4096).contains(&offset))).then_some("bmp")
        }
        "bzip2" => head.get(3).is_some_and(|level| (b'1'..=b'9').contains(level)).then_some("bzip2"),
        "swf" => head.get(3).is_some_and(|version| (1..=60).contains(version)).then_some("swf"),
        "ico" => {
            let images = u16::from_le_bytes([*head.get(4)?, *head.get(5)?]);
            ((1..=64).contains(&images) && head.get(9) == Some(&0)).then_some("ico")
        }
        "riff" => Some(match head.get(8..12) {
            Some(b"WAVE") => "wav",
            Some(b"WEBP") => "webp",
            Some(b"AVI ") => "avi",
            _ => "riff",
        }),
        "mp4" => u32le(head, 0)
            .map(u32::swap_bytes)
            .is_some_and(|size| (8..=1024).contains(&size))
            .then_some("mp4"),
        // The count of architectures of a fat file is small; a class file has its version (45 and up) there.
        "class" => {
            let word = u32le(head, 4).map(u32::swap_bytes)?;
            Some(if word < 30 { "macho" } else { "class" })
        }
        other => Some(other),
    }
}

/// `MZ`, and the PE header where it is in sight (a DOS program has none).
fn portable(head: &[u8]) -> bool {
    let Some(offset) = u32le(head, 0x3c) else {
        return false;
    };
    let Some(rest) = head.get(offset as usize..) else {
        return (64..0x1000_0000).contains(&offset);
    };
    // Cut inside the signature: what is there must fit.
    !rest.is_empty() && b"PE\0\0".starts_with(&rest[..rest.len().min(4)])
}

/// Documents that are text, by how they begin.
fn text(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts =
        |word: &str| head.len() >= word.len() && head[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    if starts("<!doctype html") || starts("<html") {
        return Some("html");
    }
    if starts("<?xml") || starts("<s:envelope") || starts("<soap:envelope") {
        return Some("xml");
    }
    let json = match head.first()? {
        b'{' => matches!(head[1..].trim_ascii_start().first(), Some(b'"' | b'}')),
        b'[' => matches!(head[1..].trim_ascii_start().first(), Some(b'{')),
        _ => false,
    };
    json.then_some("json")
}

/// An archive that begins a few bytes into the body, behind a length or a prefix of a protocol: its type and
/// offset. ZIP is searched for elsewhere, everywhere.
pub(super) fn behind_prefix(head: &[u8]) -> Option<(&'static str, usize)> {
    const LONG: [(&str, &[u8]); 3] = [
        ("rar", b"Rar!\x1a\x07\x00"),
        ("rar", b"Rar!\x1a\x07\x01\x00"),
        ("7z", b"7z\xbc\xaf\x27\x1c\x00\x04"),
    ];
    let at = |offset: usize| {
        let found = LONG.iter().find(|(_, bytes)| head[offset..].starts_with(bytes));
        found.map(|(name, _)| (*name, offset))
    };
    let packed = || gzip_behind_prefix(head).map(|offset| ("gzip", offset));
    // All begin with one of two letters.
    memchr::memchr2_iter(b'R', b'7', head).find_map(at).or_else(packed)
}

/// Where a gzip stream begins in the first bytes of a message, behind a length or a short header. Tells nothing
/// before 26 bytes are there.
pub fn gzip_behind_prefix(head: &[u8]) -> Option<usize> {
    /// Length prefixes and short headers; further in, three bytes of gzip prove nothing.
    const WITHIN: usize = 16;
    /// The fixed part of the header.
    const HEADER: usize = 10;
    let front = head.get(..WITHIN + HEADER)?;
    let offset = memchr::memchr_iter(0x1f, front).find(|at| front[*at..].starts_with(b"\x1f\x8b\x08"))?;
    // Flags without reserved bits, and a known operating system (RFC 1952, 2.3.1).
    let plausible = head.get(offset + 3)? & 0xe0 == 0 && matches!(head.get(offset + 9)?, 0..=13 | 255);
    (plausible && offset <= WITHIN).then_some(offset)
}

/// The byte that a body of a known type was combined with by exclusive or, which hides it from simple filters.
/// Only signatures of at least four bytes prove a key.
pub(super) fn xored(head: &[u8]) -> Option<u8> {
    const LONG: &[&[u8]] = &[
        b"PK\x03\x04",
        b"Rar!\x1a\x07",
        b"7z\xbc\xaf\x27\x1c",
        b"\x89PNG\r\n",
        b"SQLite format 3",
        // The header that linkers write: the DOS stub of one page.
        b"MZ\x90\0\x03\0\0\0",
        b"\x7fELF\x02\x01\x01",
    ];
    let key = |signature: &&[u8]| {
        let key = head.first()? ^ signature.first()?;
        let fits = head.len() >= signature.len() && signature.iter().zip(head).all(|(a, b)| a ^ b == key);
        (fits && key != 0).then_some(key)
    };
    LONG.iter().find_map(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_by_first_bytes() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let mut pe = b"MZ".to_vec();
        pe.resize(0x200, 0);
        pe[0x3c] = 0x80;
        let mut dos = pe.clone();
        pe[0x80..0x84].copy_from_slice(b"PE\0\0");
        dos[0x80..0x84].copy_from_slice(b"NE\0\0");
        let bmp = [b"BM\0\0\0\0\0\0\0\0".as_slice(), &[54, 0, 0, 0, 40, 0, 0, 0]].concat();
        for (bytes, name) in [
            (b"PK\x03\x04..".as_slice(), Some("zip")),
            (b"Rar!\x1a\x07\x01\x00", Some("rar")),
            (&tar, Some("tar")),
            (&pe, Some("pe")),
            (&dos, None),
            (b"MZ", None),
            (&bmp, Some("bmp")),
            (b"BMW is a word, no picture", None),
            (b"BZh9", Some("bzip2")),
            (b"BZhe", None),
            (b"RIFF\0\0\0\0WEBP", Some("webp")),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", Some("class")),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", Some("macho")),
            (b"\0\0\0\x18ftypmp42", Some("mp4")),
            (b"SQLite format 3\0", Some("sqlite")),
            (b" \r\n<!DOCTYPE HTML>", Some("html")),
            (b"{\"a\":1}", Some("json")),
            (b"{\\rtf1", Some("rtf")),
            (b"", None),
            (b"plain", None),
        ] {
            assert_eq!(identify(bytes), name, "{bytes:?}");
        }
    }

    #[test]
    fn an_archive_behind_a_length_is_found() {
        let gzip = b"\x10\0\0\0\x1f\x8b\x08\0\0\0\0\0\0\x0b and more than enough bytes after";
        assert_eq!(behind_prefix(gzip), Some(("gzip", 4)));
        let rar = b"name=x;Rar!\x1a\x07\x01\x00rest";
        assert_eq!(behind_prefix(rar), Some(("rar", 7)));
        assert_eq!(behind_prefix(b"nothing of the kind stands in here at all"), None);
    }
}
