//! Hellos that are cut short, hold contradictions, or are laid out otherwise (DTLS, SSL 2.0, drafts).
//!
//! Nothing is refused that can still be read: a hello cut short gives what it has, and says that it is not whole. Of
//! what is well-formed this reader makes the same as the [strict](super::strict) one.

use super::parser::{ClientHello, ServerHello, is_old_version, kind, numbers};
use crate::protocol::bytes::Bytes;

/// Calls `take` with type and content of each extension, in the order sent. The last may be cut short. Gives whether
/// the block ends where its last extension ends.
fn extensions<'a>(block: &'a [u8], mut take: impl FnMut(u16, &'a [u8])) -> bool {
    let mut rest = Bytes(block);
    while !rest.0.is_empty() {
        let Some((kind, (content, whole))) = rest.u16().zip(rest.vec16_or_less()) else { return false };
        take(kind, content);
        if !whole {
            return false;
        }
    }
    true
}

/// Reads the body of a ClientHello. With `cookie` the layout is that of DTLS (RFC 6347, section 4.2.1).
///
/// `None` if not even the version is there.
pub fn client_hello(body: &[u8], cookie: bool) -> Option<ClientHello<'_>> {
    let mut rest = Bytes(body);
    let mut hello = ClientHello::new(rest.u16()?);
    hello.whole = read_on(&mut hello, rest, cookie).unwrap_or(false);
    Some(hello)
}

fn read_on<'a>(hello: &mut ClientHello<'a>, mut rest: Bytes<'a>, cookie: bool) -> Option<bool> {
    rest.take(32)?;
    rest.vec8()?;
    if cookie {
        rest.vec8()?;
    }
    let (suites, whole) = rest.vec16_or_less()?;
    hello.suites = numbers(suites);
    if !whole {
        return None;
    }
    rest.vec8()?;
    if rest.0.is_empty() {
        return Some(true);
    }
    let (block, whole) = rest.vec16_or_less()?;
    let even = extensions(block, |kind, content| {
        if hello.is_new(kind) {
            fill(hello, kind, content);
        }
    });
    Some(whole && even)
}

/// Reads one extension of a ClientHello, as far as it goes.
fn fill<'a>(hello: &mut ClientHello<'a>, number: u16, content: &'a [u8]) {
    let mut rest = Bytes(content);
    match number {
        kind::POINT_FORMATS => hello.point_formats = rest.vec8().unwrap_or_default(),
        kind::VERSIONS => hello.versions = numbers(rest.vec8().unwrap_or_default()),
        kind::SERVER_NAME | kind::GROUPS | kind::SIGNATURE_ALGORITHMS | kind::ALPN => {
            let list = rest.vec16_or_less().map_or(&[][..], |(list, _)| list);
            let mut rest = Bytes(list);
            match number {
                kind::GROUPS => hello.groups = numbers(list),
                kind::SIGNATURE_ALGORITHMS => hello.signatures = numbers(list),
                kind::ALPN => hello.protocols = std::iter::from_fn(|| rest.vec8()).collect(),
                _ => {
                    let mut names = std::iter::from_fn(|| rest.u8().and_then(|_| rest.vec16()));
                    hello.server_name = names.find(|name| !name.is_empty());
                }
            }
        }
        _ => {}
    }
}

/// Reads the body of a ServerHello; `None` if it ends before the suite.
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut rest = Bytes(body);
    let version = rest.u16()?;
    let random = rest.take(32)?;
    // Drafts of TLS 1.3 before the 22nd had no session id and no compression.
    let draft = version >> 8 == 0x7f;
    if !draft {
        rest.vec8()?;
    }
    let mut hello = ServerHello::new(version, rest.u16()?, random);
    if !draft {
        rest.u8()?;
    }
    hello.whole = match rest.vec16_or_less() {
        Some((block, whole)) => {
            let even = extensions(block, |number, content| {
                if hello.is_new(number)
                    && number == kind::VERSIONS
                    && let Some(agreed) = Bytes(content).u16()
                {
                    hello.version = agreed;
                }
            });
            whole && even
        }
        None => rest.0.is_empty(),
    };
    Some(hello)
}

/// The version of a ClientHello in the layout of SSL 2.0 (RFC 5246, appendix E.2), after its two-byte header; `None` if
/// its lengths contradict each other.
pub fn old_client_hello(body: &[u8]) -> Option<u16> {
    let mut rest = Bytes(body);
    if rest.u8()? != 1 {
        return None;
    }
    let version = rest.u16()?;
    let (suites, session, challenge) = (rest.u16()?, rest.u16()?, rest.u16()?);
    let length = usize::from(suites) + usize::from(session) + usize::from(challenge);
    let sane =
        suites > 0 && suites.is_multiple_of(3) && matches!(session, 0 | 16) && (16..=32).contains(&challenge);
    (sane && length == rest.0.len() && is_old_version(version)).then_some(version)
}
