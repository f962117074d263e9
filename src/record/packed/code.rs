//! How a value is written down in few bytes and read back.

use super::common::Common;
use crate::record::{Certificate, CommunityId, FlowId, Headers, Hex, Mac, Proto, SideName, Texts, Turn};
use crate::time::Timestamp;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smol_str::SmolStr;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Shorter texts are written out, in bytes: a number is hardly shorter.
const MIN_TEXT: usize = 3;
/// Longer texts are written out, in bytes: they hardly come twice.
const MAX_TEXT: usize = 128;

/// A value that has a short form: what is written can be read back as the same.
pub trait Pack: Sized {
    /// Writes it down.
    fn pack(&self, to: &mut Packer);
    /// Reads it; none where the bytes are not those of such a value.
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self>;
}

/// What the short forms of all records share: each text and certificate once.
#[derive(Debug, Default, Clone)]
pub struct Shared {
    texts: Common,
    certificates: Vec<Arc<Certificate>>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// What the certificates take, in bytes.
    weight: usize,
}

impl Shared {
    /// About what it takes, in bytes.
    pub const fn weight(&self) -> usize {
        self.texts.weight() + self.weight
    }

    /// The number of a certificate, a new one where it has none.
    fn certificate(&mut self, own: &Arc<Certificate>) -> u32 {
        let digest = |own: &Certificate| self.hasher.hash_one((&own.sha256, &own.subject, &own.serial));
        let hash = digest(own);
        let all = &self.certificates;
        let is =
            |&at: &u32| all.get(at as usize).is_some_and(|known| Arc::ptr_eq(known, own) || known == own);
        if let Some(&known) = self.index.find(hash, is) {
            return known;
        }
        let number = u32::try_from(self.certificates.len()).unwrap_or(u32::MAX);
        self.certificates.push(Arc::clone(own));
        let names = own.names.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>();
        self.weight += size_of::<Certificate>() + own.subject.len() + own.issuer.len() + names + 200;
        let all = &self.certificates;
        let rehash = |&at: &u32| all.get(at as usize).map_or(0, |known| digest(known));
        self.index.insert_unique(hash, number, rehash);
        number
    }
}

/// Takes values one after another.
#[derive(Debug, Default, Clone)]
pub struct Packer {
    /// What was written.
    pub bytes: Vec<u8>,
    /// What it refers to.
    pub shared: Shared,
    last: Last,
}

/// What the last value of some kinds was: the next is written as its distance from that.
#[derive(Debug, Default, Clone, Copy)]
struct Last {
    time: i64,
    offset: i64,
    frame: u64,
}

impl Last {
    const fn new(near: Timestamp) -> Self {
        Self { time: near.0, offset: 0, frame: 0 }
    }
}

impl Packer {
    /// Begins anew: what comes next can be read alone by who knows a moment near its own.
    pub fn begin(&mut self, near: Timestamp) {
        self.bytes.clear();
        self.last = Last::new(near);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// A number that is small in either direction.
    fn distance(&mut self, distance: i64) {
        self.number(((distance << 1) ^ (distance >> 63)) as u64);
    }

    fn text(&mut self, text: &str) {
        let known = (MIN_TEXT..=MAX_TEXT).contains(&text.len()).then(|| self.shared.texts.number(text));
        if let Some(number) = known.flatten() {
            self.number(u64::from(number) << 1 | 1);
        } else {
            self.number((text.len() as u64) << 1);
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Gives values in the order they were written.
#[derive(Debug)]
pub struct Unpacker<'a> {
    rest: &'a [u8],
    shared: &'a Shared,
    last: Last,
}

/// A text that is read: known by number, or written out.
enum Text<'a> {
    Known(&'a SmolStr),
    Own(&'a str),
}

impl<'a> Unpacker<'a> {
    /// Reads what a packer wrote since it began anew, near the same moment.
    pub fn new(bytes: &'a [u8], shared: &'a Shared, near: Timestamp) -> Self {
        Self { rest: bytes, shared, last: Last::new(near) }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (own, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(own)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (own, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*own)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn distance(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let head = self.number()?;
        if head & 1 == 1 {
            return self.shared.texts.get((head >> 1) as usize).map(Text::Known);
        }
        let own = self.take((head >> 1) as usize)?;
        std::str::from_utf8(own).ok().map(Text::Own)
    }
}

/// Numbers: seven bits a byte, the least first.
macro_rules! numbers {
    ($($name:ty),*) => {$(
        impl Pack for $name {
            fn pack(&self, to: &mut Packer) {
                to.number(u64::from(*self));
            }
            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                from.number()?.try_into().ok()
            }
        }
    )*};
}
numbers!(u16, u32, u64);

impl Pack for i64 {
    fn pack(&self, to: &mut Packer) {
        to.distance(*self);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.distance()
    }
}

impl Pack for f32 {
    fn pack(&self, to: &mut Packer) {
        to.bytes.extend_from_slice(&self.to_bits().to_le_bytes());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.array().map(|bytes| Self::from_bits(u32::from_le_bytes(bytes)))
    }
}

impl Pack for bool {
    fn pack(&self, to: &mut Packer) {
        to.bytes.push(u8::from(*self));
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(from.byte()? != 0)
    }
}

impl Pack for SmolStr {
    fn pack(&self, to: &mut Packer) {
        to.text(self);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.text()? {
            Text::Known(known) => known.clone(),
            Text::Own(own) => Self::new(own),
        })
    }
}

impl Pack for String {
    fn pack(&self, to: &mut Packer) {
        to.text(self);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.text()? {
            Text::Known(known) => known.as_str().to_owned(),
            Text::Own(own) => own.to_owned(),
        })
    }
}

impl Pack for Texts {
    fn pack(&self, to: &mut Packer) {
        to.number(self.len() as u64);
        if !self.is_empty() {
            to.number(self.bytes() as u64);
        }
        for text in self.iter() {
            to.text(text);
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let count = usize::try_from(from.number()?).ok()?;
        if count == 0 {
            return Some(Self::default());
        }
        let bytes = usize::try_from(from.number()?).ok()?;
        let mut all = Self::with_capacity(count.min(from.rest.len()), bytes);
        for _ in 0..count {
            match from.text()? {
                Text::Known(known) => all.push(known),
                Text::Own(own) => all.push(own),
            }
        }
        Some(all)
    }
}

impl Pack for Headers {
    fn pack(&self, to: &mut Packer) {
        self.texts().pack(to);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Texts::unpack(from).map(Self::from)
    }
}

impl Pack for Hex {
    fn pack(&self, to: &mut Packer) {
        to.number(self.0.len() as u64);
        to.bytes.extend_from_slice(&self.0);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let count = from.number()?;
        from.take(usize::try_from(count).ok()?).map(Self::from)
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, to: &mut Packer) {
        self.is_some().pack(to);
        if let Some(own) = self {
            own.pack(to);
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        if bool::unpack(from)? { T::unpack(from).map(Some) } else { Some(None) }
    }
}

impl<T: Pack> Pack for Box<T> {
    fn pack(&self, to: &mut Packer) {
        T::pack(self, to);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        T::unpack(from).map(Self::new)
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, to: &mut Packer) {
        to.number(self.len() as u64);
        for own in self {
            own.pack(to);
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let count = usize::try_from(from.number()?).ok()?;
        // Each takes a byte at least.
        let mut all = Self::with_capacity(count.min(from.rest.len()));
        for _ in 0..count {
            all.push(T::unpack(from)?);
        }
        Some(all)
    }
}

macro_rules! tuples {
    ($(($($name:ident: $place:tt),*))*) => {$(
        impl<$($name: Pack),*> Pack for ($($name,)*) {
            fn pack(&self, to: &mut Packer) {
                $(self.$place.pack(to);)*
            }
            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                Some(($($name::unpack(from)?,)*))
            }
        }
    )*};
}
tuples!((A: 0, B: 1) (A: 0, B: 1, C: 2, D: 3));

impl Pack for IpAddr {
    fn pack(&self, to: &mut Packer) {
        match self {
            Self::V4(own) => {
                to.bytes.push(4);
                to.bytes.extend_from_slice(&own.octets());
            }
            Self::V6(own) => {
                to.bytes.push(6);
                to.bytes.extend_from_slice(&own.octets());
            }
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.byte()? {
            4 => from.array().map(|own: [u8; 4]| Self::V4(Ipv4Addr::from(own))),
            _ => from.array().map(|own: [u8; 16]| Self::V6(Ipv6Addr::from(own))),
        }
    }
}

impl Pack for Timestamp {
    fn pack(&self, to: &mut Packer) {
        to.distance(self.0.wrapping_sub(to.last.time));
        to.last.time = self.0;
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.last.time = from.last.time.wrapping_add(from.distance()?);
        Some(Self(from.last.time))
    }
}

impl Pack for Turn {
    fn pack(&self, to: &mut Packer) {
        let Self(side, offset, bytes, frame) = self;
        side.pack(to);
        to.distance(offset.wrapping_sub(to.last.offset));
        bytes.pack(to);
        to.distance(frame.wrapping_sub(to.last.frame) as i64);
        (to.last.offset, to.last.frame) = (*offset, *frame);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let side = SideName::unpack(from)?;
        from.last.offset = from.last.offset.wrapping_add(from.distance()?);
        let bytes = u64::unpack(from)?;
        from.last.frame = from.last.frame.wrapping_add(from.distance()? as u64);
        Some(Self(side, from.last.offset, bytes, from.last.frame))
    }
}

impl Pack for Mac {
    fn pack(&self, to: &mut Packer) {
        to.bytes.extend_from_slice(&self.0);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.array().map(Self)
    }
}

impl Pack for FlowId {
    fn pack(&self, to: &mut Packer) {
        to.bytes.extend_from_slice(&self.0.to_le_bytes());
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.array().map(|bytes| Self(u64::from_le_bytes(bytes)))
    }
}

impl Pack for CommunityId {
    fn pack(&self, to: &mut Packer) {
        to.bytes.extend_from_slice(&self.0);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.array().map(Self)
    }
}

impl Pack for Proto {
    fn pack(&self, to: &mut Packer) {
        let (kind, number) = match self {
            Self::Tcp => (0, 0),
            Self::Udp => (1, 0),
            Self::Icmp => (2, 0),
            Self::Icmp6 => (3, 0),
            Self::Ip(number) => (4, *number),
        };
        to.bytes.extend_from_slice(&[kind, number]);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.array()? {
            [0, _] => Self::Tcp,
            [1, _] => Self::Udp,
            [2, _] => Self::Icmp,
            [3, _] => Self::Icmp6,
            [_, number] => Self::Ip(number),
        })
    }
}

impl Pack for Arc<Certificate> {
    fn pack(&self, to: &mut Packer) {
        let number = to.shared.certificate(self);
        to.number(u64::from(number));
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let number = from.number()?;
        from.shared.certificates.get(number as usize).map(Arc::clone)
    }
}

/// Words of a list, by their place in it. A word that is not listed does not compile.
macro_rules! words {
    ($($name:ident: $($word:ident),*;)*) => {$(
        impl Pack for $name {
            fn pack(&self, to: &mut Packer) {
                match self {
                    $($name::$word => to.bytes.push($name::$word as u8),)*
                }
            }
            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                let place = from.byte()?;
                [$($name::$word),*].into_iter().find(|word| *word as u8 == place)
            }
        }
    )*};
}

/// Structures: their fields in order. A field that is not listed does not compile.
macro_rules! structures {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Pack for $name {
            fn pack(&self, to: &mut Packer) {
                let Self { $($field),* } = self;
                $($field.pack(to);)*
            }
            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                $(let $field = Pack::unpack(from)?;)*
                Some(Self { $($field),* })
            }
        }
    )*};
}

pub(super) use {structures, words};
