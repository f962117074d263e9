//! The fields of all records, in the order they are written.

use super::Outline;
use super::code::{Pack, Packer, Unpacker, mark, structures, words};
use crate::record::{
    Archive, Body, Client, ClientBy, Continued, Dns, Endpoint, Exchange, Field, FirstBytes, Flow, Ftp, Mail,
    Marker, Member, Other, Part, Quic, Shape, SideName, Sides, Smtp, State, Tls, TurnsRest,
};

words! {
    SideName: Client, Server;
    ClientBy: Syn, Protocol, Port, First;
    State: Unanswered, Refused, Open, Closed, Reset, Midstream, Datagrams;
    Shape: Text, Html, Xml, Json, Form, Base64, Hex, Binary;
}

structures! {
    Sides: Default { to_server, to_client }
    Client { addr, port, by, mac }
    Endpoint { addr, port }
    Continued { capture, frames }
    TurnsRest { count, bytes, gaps_ms, sizes, last }
    FirstBytes: Default { to_server, to_client }
    Outline { start, end, payload, client, server }
    // Begins as its outline does. What is there most often has the first marks: seven take a byte.
    Flow {
        start, end, payload, client, server, id, community_id, frames, proto, state, packets, bytes;
        turns, dns, tls, http, other, first_bytes, capture, gaps, turns_rest, continued, link, parent, conflicts, quic,
        smtp, ftp
    }
    Tls { ; version, sni, ja3, ja4, ja3s, cipher, frame, established, certificates, records, alpn, after }
    Quic { version }
    Exchange {
        method, path, version, time, frame, last_frame;
        host, headers, status, response_headers, request, response
    }
    Dns { query, kind, time, frame, bytes; rcode, answers }
    Smtp { ; banner, ehlo, auth, user, authenticated, starttls, mails }
    Mail { body, time, frames; from, to, subject, headers, mailer, hints, reply }
    Ftp { ; banner, user, authenticated, commands }
    Other { ; protocol, name, verb, to_server, to_client, prefix }
    Body {
        ; bytes, first, entropy, shape, declared, magic, encoding, missing, fields, file_name, archive, wrapped, parts,
        more_parts, markers
    }
    Archive { kind, encrypted, members, more }
    Member { name, bytes }
    Part { body; name, value }
    Field { name, bytes, value, class }
    Marker { name, count }
}
