//! How a value is written down in few bytes and read back.

use super::common::Common;
use super::macs::Macs;
use super::{escaped, letters};
use crate::record::{
    Certificate, CommunityId, Flow, FlowId, Frames, Headers, Hex, Mac, Proto, SideName, Texts, Turn,
};
use crate::time::Timestamp;
use crate::varint;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smol_str::SmolStr;
use std::borrow::Cow;
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

    /// Whether a structure marks its fields of this kind that hold something, and writes only those.
    const MARKED: bool = false;
    /// What a field that is not marked holds.
    fn nothing() -> Option<Self> {
        None
    }
    /// Whether it is that.
    fn is_nothing(&self) -> bool {
        false
    }
    /// Writes one that is marked.
    fn pack_marked(&self, to: &mut Packer) {
        self.pack(to);
    }
    /// Reads one that is marked.
    fn unpack_marked(from: &mut Unpacker<'_>) -> Option<Self> {
        Self::unpack(from)
    }
}

/// What the short forms of all records share: each text, address of a link and certificate once.
#[derive(Debug, Default, Clone)]
pub struct Shared {
    texts: Common,
    macs: Macs,
    certificates: Vec<Arc<Certificate>>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// What the certificates take, in bytes.
    weight: usize,
}

impl Shared {
    /// About what it takes, in bytes.
    pub const fn weight(&self) -> usize {
        self.texts.weight() + self.macs.weight() + self.weight
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
    near: Near,
    /// The record's Community ID is that of its ends, and is not written.
    derived: bool,
    /// Where the first bytes are that it wrote out, and how many.
    firsts: [Option<(usize, usize)>; FIRSTS],
    /// A text without its escapes, or with more than one letter to a byte.
    plain: Vec<u8>,
}

/// What values of some kinds are near to: they are written as their distance from that.
#[derive(Debug, Default, Clone, Copy)]
struct Near {
    /// A moment, for all of a record.
    time: i64,
    /// Those of the turn before.
    offset: i64,
    frame: u64,
}

impl Near {
    const fn new(time: Timestamp) -> Self {
        Self { time: time.0, offset: 0, frame: 0 }
    }
}

/// First bytes of a record that others are compared with: what a side sent, and the body in it, begin alike.
const FIRSTS: usize = 2;

impl Packer {
    /// Writes a record anew: it can be read alone by who knows when it began.
    pub fn flow(&mut self, flow: &Flow) {
        self.bytes.clear();
        self.near = Near::new(flow.start);
        let given = flow.community_id;
        self.derived = given == CommunityId::default() || given == CommunityId::of(flow);
        self.firsts = [None; FIRSTS];
        flow.pack(self);
    }

    fn number(&mut self, number: u64) {
        varint::write(number, |byte| self.bytes.push(byte));
    }

    /// A number that is small in either direction.
    fn distance(&mut self, distance: i64) {
        self.number(varint::zigzag(distance));
    }

    fn text(&mut self, text: &str) {
        let known = (MIN_TEXT..=MAX_TEXT).contains(&text.len()).then(|| self.shared.texts.number(text));
        if let Some(number) = known.flatten() {
            self.number(u64::from(number) << 2 | KNOWN);
        } else if letters::shorten(text, &mut self.plain) {
            self.number((text.len() as u64) << 2 | LETTERS);
            self.bytes.extend_from_slice(&self.plain);
        } else if escaped::shorten(text, &mut self.plain) {
            self.number((self.plain.len() as u64) << 2 | ESCAPED);
            self.bytes.extend_from_slice(&self.plain);
        } else {
            self.number((text.len() as u64) << 2);
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }

    /// Marks the fields that hold something.
    pub(super) fn marks(&mut self, marks: impl IntoIterator<Item = (bool, bool)>) {
        let marked = marks.into_iter().filter(|(marked, _)| *marked);
        let all =
            marked.enumerate().fold(0, |all, (place, (_, something))| all | u64::from(something) << place);
        self.number(all);
    }

    /// Writes a field that may be marked.
    pub(super) fn field<T: Pack>(&mut self, field: &T) {
        if !T::MARKED {
            field.pack(self);
        } else if !field.is_nothing() {
            field.pack_marked(self);
        }
    }
}

/// How a text is written, in the lower bits of its length or number: written out, by number, without its escapes, three
/// letters in two bytes.
const KNOWN: u64 = 1;
const ESCAPED: u64 = 2;
const LETTERS: u64 = 3;

/// Gives values in the order they were written.
#[derive(Debug)]
pub struct Unpacker<'a> {
    rest: &'a [u8],
    shared: &'a Shared,
    near: Near,
    /// The record's Community ID is that of its ends.
    derived: bool,
    /// The first bytes that were written out.
    firsts: [Option<&'a [u8]>; FIRSTS],
}

/// A text that is read: known by number, or written out.
enum Text<'a> {
    Known(&'a SmolStr),
    Own(Cow<'a, str>),
}

impl<'a> Unpacker<'a> {
    /// Reads what a packer wrote of a record that began then.
    pub fn new(bytes: &'a [u8], shared: &'a Shared, near: Timestamp) -> Self {
        Self { rest: bytes, shared, near: Near::new(near), derived: false, firsts: [None; FIRSTS] }
    }

    /// Reads a record.
    pub fn flow(mut self) -> Option<Flow> {
        let mut flow = Flow::unpack(&mut self)?;
        if self.derived {
            flow.community_id = CommunityId::of(&flow);
        }
        Some(flow)
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
        varint::read(|| self.byte())
    }

    fn distance(&mut self) -> Option<i64> {
        self.number().map(varint::unzigzag)
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let head = self.number()?;
        let (number, kind) = ((head >> 2) as usize, head & 3);
        if kind == KNOWN {
            return self.shared.texts.get(number).map(Text::Known);
        }
        let own = self.take(if kind == LETTERS { letters::shortened(number) } else { number })?;
        if kind == LETTERS {
            return Some(Text::Own(Cow::Owned(letters::restore(own, number))));
        }
        if kind == ESCAPED {
            return Some(Text::Own(Cow::Owned(escaped::restore(own))));
        }
        std::str::from_utf8(own).ok().map(|own| Text::Own(Cow::Borrowed(own)))
    }

    /// Reads a field that may be marked; `marks` of those that come are moved on.
    pub(super) fn field<T: Pack>(&mut self, marks: &mut u64) -> Option<T> {
        if !T::MARKED {
            return T::unpack(self);
        }
        let something = *marks & 1 == 1;
        *marks >>= 1;
        if something { T::unpack_marked(self) } else { T::nothing() }
    }

    /// Reads the marks of fields.
    pub(super) fn marks(&mut self) -> Option<u64> {
        self.number()
    }
}

/// Whether a field is of a kind that is marked, and holds something.
pub(super) fn mark<T: Pack>(field: &T) -> (bool, bool) {
    (T::MARKED, !field.is_nothing())
}

/// A kind of which structures mark the fields that are not its default.
macro_rules! marked {
    () => {
        const MARKED: bool = true;
        fn nothing() -> Option<Self> {
            Some(Self::default())
        }
        fn is_nothing(&self) -> bool {
            *self == Self::default()
        }
    };
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
            marked!();
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

    marked!();
    fn pack_marked(&self, _: &mut Packer) {}
    fn unpack_marked(_: &mut Unpacker<'_>) -> Option<Self> {
        Some(true)
    }
}

impl Pack for SmolStr {
    fn pack(&self, to: &mut Packer) {
        to.text(self);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.text()? {
            Text::Known(known) => known.clone(),
            Text::Own(own) => own.into(),
        })
    }
    marked!();
}

impl Pack for String {
    fn pack(&self, to: &mut Packer) {
        to.text(self);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.text()? {
            Text::Known(known) => known.as_str().to_owned(),
            Text::Own(own) => own.into_owned(),
        })
    }
    marked!();
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
                Text::Own(own) => all.push(&own),
            }
        }
        Some(all)
    }
    marked!();
}

impl Pack for Headers {
    fn pack(&self, to: &mut Packer) {
        self.texts().pack(to);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Texts::unpack(from).map(Self::from)
    }
    marked!();
}

/// First bytes: where others of the record that were written out begin with them, which and how many; else written out.
impl Pack for Hex {
    fn pack(&self, to: &mut Packer) {
        let own = &*self.0;
        let begins = |first: &Option<(usize, usize)>| {
            first.is_some_and(|(from, len)| {
                to.bytes.get(from..from + len).is_some_and(|first| first.starts_with(own))
            })
        };
        let length = (own.len() as u64) << 2;
        if own.len() >= MIN_FIRST
            && let Some(known) = to.firsts.iter().position(begins)
        {
            to.number(length | (known as u64 + 1));
            return;
        }
        to.number(length);
        if let Some(free) = to.firsts.iter_mut().find(|first| first.is_none()) {
            *free = Some((to.bytes.len(), own.len()));
        }
        to.bytes.extend_from_slice(own);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let head = from.number()?;
        let length = usize::try_from(head >> 2).ok()?;
        if let Some(known) = (head as usize & 3).checked_sub(1) {
            return from.firsts.get(known)?.as_ref()?.get(..length).map(Self::from);
        }
        let own = from.take(length)?;
        if let Some(free) = from.firsts.iter_mut().find(|first| first.is_none()) {
            *free = Some(own);
        }
        Some(Self::from(own))
    }
    marked!();
}

/// Fewer first bytes are written out, in bytes.
const MIN_FIRST: usize = 4;

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, to: &mut Packer) {
        self.is_some().pack(to);
        self.pack_marked(to);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        if bool::unpack(from)? { Self::unpack_marked(from) } else { Some(None) }
    }

    const MARKED: bool = true;
    fn nothing() -> Option<Self> {
        Some(None)
    }
    fn is_nothing(&self) -> bool {
        self.is_none()
    }
    fn pack_marked(&self, to: &mut Packer) {
        if let Some(own) = self {
            own.pack(to);
        }
    }
    fn unpack_marked(from: &mut Unpacker<'_>) -> Option<Self> {
        T::unpack(from).map(Some)
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

    const MARKED: bool = true;
    fn nothing() -> Option<Self> {
        Some(Self::new())
    }
    fn is_nothing(&self) -> bool {
        self.is_empty()
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
        to.distance(self.0.wrapping_sub(to.near.time));
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self(from.near.time.wrapping_add(from.distance()?)))
    }
}

/// Side and distance of the frame in one number: most turns begin a few frames after the one before.
impl Pack for Turn {
    fn pack(&self, to: &mut Packer) {
        let Self(side, offset, bytes, frame) = self;
        let frames = frame.wrapping_sub(to.near.frame);
        // Frames that go back, or that are farther away than anything, are told by a zero.
        let near = frames < 1 << 62;
        to.number(if near { (frames + 1) << 1 } else { 0 } | u64::from(*side == SideName::Server));
        if !near {
            frame.pack(to);
        }
        to.distance(offset.wrapping_sub(to.near.offset));
        bytes.pack(to);
        (to.near.offset, to.near.frame) = (*offset, *frame);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let head = from.number()?;
        let side = if head & 1 == 1 { SideName::Server } else { SideName::Client };
        let frame = match head >> 1 {
            0 => u64::unpack(from)?,
            frames => from.near.frame.wrapping_add(frames - 1),
        };
        from.near.offset = from.near.offset.wrapping_add(from.distance()?);
        from.near.frame = frame;
        Some(Self(side, from.near.offset, u64::unpack(from)?, frame))
    }
}

impl Pack for Frames {
    fn pack(&self, to: &mut Packer) {
        let Self { first, last, count } = self;
        first.pack(to);
        to.distance(last.wrapping_sub(*first) as i64);
        count.pack(to);
        to.near.frame = *first;
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let first = u64::unpack(from)?;
        let last = first.wrapping_add(from.distance()? as u64);
        from.near.frame = first;
        Some(Self { first, last, count: u64::unpack(from)? })
    }
}

impl Pack for Mac {
    fn pack(&self, to: &mut Packer) {
        let number = to.shared.macs.number(*self);
        to.number(number.map_or(0, |number| u64::from(number) + 1));
        if number.is_none() {
            to.bytes.extend_from_slice(&self.0);
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.number()?.checked_sub(1) {
            Some(number) => from.shared.macs.get(usize::try_from(number).ok()?),
            None => from.array().map(Self),
        }
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

/// Not that of the record's ends: it is made again when all of the record is there.
impl Pack for CommunityId {
    fn pack(&self, to: &mut Packer) {
        to.bytes.push(u8::from(to.derived));
        if !to.derived {
            to.bytes.extend_from_slice(&self.0);
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.derived = bool::unpack(from)?;
        if from.derived { Some(Self::default()) } else { from.array().map(Self) }
    }
}

/// By its number; the four that have names below what those numbers are moved to.
impl Pack for Proto {
    fn pack(&self, to: &mut Packer) {
        to.number(match self {
            Self::Tcp => 0,
            Self::Udp => 1,
            Self::Icmp => 2,
            Self::Icmp6 => 3,
            Self::Ip(number) => 4 + u64::from(*number),
        });
    }
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.number()? {
            0 => Self::Tcp,
            1 => Self::Udp,
            2 => Self::Icmp,
            3 => Self::Icmp6,
            number => Self::Ip(u8::try_from(number - 4).ok()?),
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

/// Structures: their fields in order, behind a semicolon those that may be left out, with a mark for each that is there.
/// Of one that is called `Default` that value may be left out itself. A field that is not listed does not compile.
macro_rules! structures {
    ($($name:ident $(: $default:ident)? { $($field:ident),* $(; $($marked:ident),*)? })*) => {$(
        impl Pack for $name {
            fn pack(&self, to: &mut Packer) {
                let Self { $($field,)* $($($marked),*)? } = self;
                $($field.pack(to);)*
                $(
                    to.marks([$(mark($marked)),*]);
                    $(to.field($marked);)*
                )?
            }
            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                $(let $field = Pack::unpack(from)?;)*
                $(
                    let mut marks = from.marks()?;
                    $(let $marked = from.field(&mut marks)?;)*
                )?
                Some(Self { $($field,)* $($($marked),*)? })
            }
            $(
                const MARKED: bool = true;
                fn nothing() -> Option<Self> {
                    Some($default::default())
                }
                fn is_nothing(&self) -> bool {
                    *self == <Self as $default>::default()
                }
            )?
        }
    )*};
}

pub(super) use {structures, words};
