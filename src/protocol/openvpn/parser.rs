//! The packets of OpenVPN's control channel.
//!
//! Layout: the protocol overview and `ssl_pkt.h` of OpenVPN, openvpn-rfc (draft): opcode and key number in one byte, the
//! sender's session, with `--tls-auth` an HMAC, a number and a time, then the acknowledgements and the message.

use crate::protocol::bytes::Bytes;

/// The client begins (`P_CONTROL_HARD_RESET_CLIENT_V2`), with the first key.
pub const CLIENT_RESET: u8 = 7 << 3;
/// The server does (`P_CONTROL_HARD_RESET_SERVER_V2`).
pub const SERVER_RESET: u8 = 8 << 3;
/// A piece of the handshake (`P_CONTROL_V1`), with the first key.
pub const CONTROL: u8 = 4 << 3;
/// Payload of the tunnel (`P_DATA_V1`, `P_DATA_V2`).
const DATA: [u8; 2] = [6, 9];
/// Bytes in front of the acknowledgements: the HMAC of a usual hash (MD5, SHA-1, SHA-2), a number and a time; none
/// without `--tls-auth`.
const EXTRAS: [usize; 7] = [0, 24, 28, 36, 40, 56, 72];
/// Bytes of a client's reset without them: opcode, session, no acknowledgement, number 0.
const CLIENT: usize = 14;
/// Bytes of a server's reset without them: one acknowledgement and the client's session more.
const SERVER: usize = 26;
/// Bytes of opcode and session.
const FRONT: usize = 9;
/// Most acknowledgements of a packet (`RELIABLE_ACK_SIZE`).
const MAX_ACKS: u8 = 8;

/// The reset of one side: whether it is the client's, and how many bytes of authentication its packets have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    pub client: bool,
    pub extra: usize,
}

/// Tells a reset by its opcode, its length and the numbers that must be 0. With `--tls-crypt` they are encrypted.
pub fn reset(packet: &[u8]) -> Option<Reset> {
    let client = match *packet.first()? {
        CLIENT_RESET => true,
        SERVER_RESET => false,
        _ => return None,
    };
    let extra = packet.len().checked_sub(if client { CLIENT } else { SERVER })?;
    let (session, acks) = (packet.get(1..FRONT)?, packet.get(FRONT + extra..)?);
    let sound = match acks {
        [0, 0, 0, 0, 0] => client,
        [1, 0, 0, 0, 0, theirs @ .., 0, 0, 0, 0] => !client && theirs.iter().any(|byte| *byte != 0),
        _ => false,
    };
    let sound = sound && EXTRAS.contains(&extra) && session.iter().any(|byte| *byte != 0);
    sound.then_some(Reset { client, extra })
}

/// Number and bytes of a piece of the handshake.
pub fn control(packet: &[u8], extra: usize) -> Option<(u32, &[u8])> {
    let mut rest = Bytes(packet);
    if rest.u8()? != CONTROL {
        return None;
    }
    rest.take(FRONT - 1 + extra)?;
    let acks = rest.u8().filter(|acks| *acks <= MAX_ACKS)?;
    if acks > 0 {
        // The session they belong to comes behind them.
        rest.take(usize::from(acks) * 4 + 8)?;
    }
    Some((rest.u32()?, rest.0))
}

/// Whether a packet carries what goes through the tunnel.
pub fn is_data(opcode: u8) -> bool {
    DATA.contains(&(opcode >> 3))
}

/// Whether a byte begins a packet of OpenVPN at all: opcodes 1 to 11.
pub fn is_opcode(opcode: u8) -> bool {
    (1..=11).contains(&(opcode >> 3))
}
