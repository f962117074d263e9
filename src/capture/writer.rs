//! Writes packets to a pcapng file, as the files that they come from state them.
//!
//! Format: draft-ietf-opsawg-pcapng. Times, lengths, link types and options are copied and not converted. A section has
//! the byte order of the files that its packets come from, because pseudo-headers of some link types have it too.

use super::bytes::Order;
use super::original::{Description, Original, Secrets, is_copied, put};
use super::pcapng::{BYTE_ORDER, ENHANCED_PACKET, INTERFACE, Options, SECRETS, SECTION};
use std::io::{self, Write};

/// The option that ends all options, and that of a comment, in every block.
const END: u16 = 0;
const COMMENT: u16 = 1;
/// The option of a section that names the program that wrote it.
const SHB_USERAPPL: u16 = 4;
/// Longest text of an option, in bytes: what its length can state.
pub const MAX_TEXT: usize = u16::MAX as usize;

/// A pcapng file in the making. The same calls give the same bytes: no time and no machine is named in it.
pub struct Writer<W> {
    out: W,
    /// The byte order of the section that was begun.
    order: Option<Order>,
    /// Interfaces of the section so far.
    interfaces: u32,
    /// The block in the making.
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`, which should be buffered. Nothing is written before the first section.
    pub const fn new(out: W) -> Self {
        Self { out, order: None, interfaces: 0, block: Vec::new() }
    }

    /// Whether packets of this interface can be written to the section that was begun; if not, another must begin.
    pub fn suits(&self, description: &Description) -> bool {
        self.order == Some(description.order)
    }

    /// Begins a section for packets of interfaces like this one. `program` is what writes it. Texts are cut at
    /// 65,535 bytes.
    pub fn section<'c>(
        &mut self,
        like: &Description,
        program: &str,
        comments: impl IntoIterator<Item = &'c str>,
    ) -> io::Result<()> {
        (self.order, self.interfaces) = (Some(like.order), 0);
        self.begin(SECTION);
        self.word(BYTE_ORDER);
        like.order.put_u16(&mut self.block, 1);
        like.order.put_u16(&mut self.block, 0);
        // The length of the section is not known.
        self.block.extend([0xff; 8]);
        for comment in comments {
            self.text(COMMENT, comment);
        }
        self.text(SHB_USERAPPL, program);
        self.option(END, &[]);
        self.end()
    }

    /// Describes an interface and gives its number in the section.
    pub fn interface(&mut self, description: &Description) -> io::Result<u32> {
        self.begin(INTERFACE);
        description.order.put_u16(&mut self.block, description.link);
        description.order.put_u16(&mut self.block, 0);
        self.word(description.snaplen);
        if !description.options.is_empty() {
            self.block.extend_from_slice(&description.options);
            self.option(END, &[]);
        }
        self.end()?;
        let number = self.interfaces;
        self.interfaces = number.saturating_add(1);
        Ok(number)
    }

    /// Writes decryption secrets, which serve for the packets behind them.
    pub fn secrets(&mut self, secrets: &Secrets) -> io::Result<()> {
        self.begin(SECRETS);
        self.word(secrets.kind);
        self.word(secrets.data.len() as u32);
        self.block.extend_from_slice(&secrets.data);
        self.end()
    }

    /// Writes a packet of the interface with this number. A packet without a time is given the one before it in its
    /// file: only blocks that have no options and belong to the first interface could go without.
    pub fn packet(&mut self, interface: u32, original: &Original<'_>, comment: &str) -> io::Result<()> {
        let count = original.count.unwrap_or_else(|| original.description.count(original.packet.time));
        let data = original.packet.data;
        self.begin(ENHANCED_PACKET);
        let captured = data.len() as u32;
        for word in [interface, (count >> 32) as u32, count as u32, captured, original.stated_len] {
            self.word(word);
        }
        self.block.extend_from_slice(data);
        self.pad();
        self.text(COMMENT, comment);
        for (code, value) in Options::new(original.options, original.description.order) {
            if is_copied(code) {
                self.option(code, value);
            }
        }
        self.option(END, &[]);
        self.end()
    }

    /// Writes out what is buffered, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.word(kind);
        self.word(0);
    }

    fn word(&mut self, value: u32) {
        self.order.unwrap_or_default().put_u32(&mut self.block, value);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        put(&mut self.block, self.order.unwrap_or_default(), code, value);
    }

    fn text(&mut self, code: u16, text: &str) {
        let cut = text.floor_char_boundary(MAX_TEXT);
        self.option(code, text.get(..cut).unwrap_or_default().as_bytes());
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn end(&mut self) -> io::Result<()> {
        self.pad();
        let length = u32::try_from(self.block.len() + 4).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "a block longer than pcapng can hold")
        })?;
        let length = self.order.unwrap_or_default().u32_bytes(length);
        if let Some(room) = self.block.get_mut(4..8) {
            room.copy_from_slice(&length);
        }
        self.block.extend(length);
        self.out.write_all(&self.block)
    }
}
