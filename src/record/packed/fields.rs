//! The fields of all records, in the order they are written.

use super::Outline;
use super::code::{Pack, Packer, Unpacker, structures, words};
use crate::record::{
    Archive, Body, Client, ClientBy, Continued, Dns, Endpoint, Exchange, Field, FirstBytes, Flow, Frames,
    Ftp, Mail, Marker, Member, Other, Part, Quic, Shape, SideName, Sides, Smtp, State, Tls, TurnsRest,
};

words! {
    SideName: Client, Server;
    ClientBy: Syn, Protocol, Port, First;
    State: Unanswered, Refused, Open, Closed, Reset, Midstream, Datagrams;
    Shape: Text, Html, Xml, Json, Form, Base64, Hex, Binary;
}

structures! {
    Sides { to_server, to_client }
    Client { addr, port, by, mac }
    Endpoint { addr, port }
    Frames { first, last, count }
    Continued { capture, frames }
    TurnsRest { count, bytes, gaps_ms, sizes, last }
    FirstBytes { to_server, to_client }
    Outline { start, end, payload, client, server }
    // Begins as its outline does.
    Flow {
        start, end, payload, client, server, id, community_id, capture, frames, continued, link, proto, state, packets,
        bytes, gaps, turns, turns_rest, first_bytes, parent, conflicts, tls, quic, http, dns, smtp, ftp, other
    }
    Tls { version, sni, alpn, ja3, ja3s, ja4, cipher, frame, established, certificates, records, after }
    Quic { version }
    Exchange {
        method, host, path, version, headers, status, response_headers, request, response, time, frame, last_frame
    }
    Dns { query, kind, rcode, answers, time, frame, bytes }
    Smtp { banner, ehlo, auth, user, authenticated, starttls, mails }
    Mail { from, to, subject, headers, mailer, hints, body, reply, time, frames }
    Ftp { banner, user, authenticated, commands }
    Other { protocol, name, verb, to_server, to_client, prefix }
    Body {
        bytes, missing, declared, encoding, file_name, magic, shape, entropy, first, archive, wrapped, parts, more_parts,
        fields, markers
    }
    Archive { kind, encrypted, members, more }
    Member { name, bytes }
    Part { name, body, value }
    Field { name, bytes, value, class }
    Marker { name, count }
}
