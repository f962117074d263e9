//! TLS on paper: hellos, a certificate whose signature nobody checks, and records of noise.

use crate::net::{Net, Tcp, noise};

/// A client's habits.
pub struct Client {
    pub suites: &'static [u16],
    pub extensions: &'static [u16],
    pub alpn: &'static [&'static str],
}

/// A browser of 2025 in outline.
pub const BROWSER: Client = Client {
    suites: &[
        0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x009c, 0x009d, 0x002f, 0x0035,
    ],
    extensions: &[0x0a0a, 0, 23, 0xff01, 10, 11, 35, 16, 5, 13, 18, 51, 45, 43, 27, 21],
    alpn: &["h2", "http/1.1"],
};

/// The operating system's library as a program without settings uses it.
pub const SYSTEM: Client = Client {
    suites: &[
        0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024, 0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013,
        0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x000a,
    ],
    extensions: &[0, 5, 10, 11, 13, 35, 23, 0xff01],
    alpn: &[],
};

fn vec16(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
}

fn vec24(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend(bytes);
    out
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, 3];
    vec16(&mut out, body);
    out
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(vec24(body));
    record(22, &message)
}

/// A ClientHello, with a name or without.
pub fn client_hello(client: &Client, name: Option<&str>) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(noise(7, 32));
    body.push(0);
    let suites: Vec<u8> = client.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    vec16(&mut body, &suites);
    body.extend([1, 0]);
    let mut all = Vec::new();
    for &kind in client.extensions {
        let mut data = Vec::new();
        match kind {
            0 => {
                let Some(name) = name else { continue };
                let mut entry = vec![0];
                vec16(&mut entry, name.as_bytes());
                vec16(&mut data, &entry);
            }
            10 => data.extend([0, 6, 0, 29, 0, 23, 0, 24]),
            11 => data.extend([1, 0]),
            13 => data.extend([0, 8, 4, 3, 8, 4, 4, 1, 2, 1]),
            16 => {
                let names: Vec<u8> = client
                    .alpn
                    .iter()
                    .flat_map(|n| std::iter::once(n.len() as u8).chain(n.bytes()))
                    .collect();
                vec16(&mut data, &names);
            }
            43 => data.extend([4, 3, 4, 3, 3]),
            51 => {
                let mut share = vec![0, 29];
                vec16(&mut share, &noise(11, 32));
                vec16(&mut data, &share);
            }
            _ => {}
        }
        all.extend(kind.to_be_bytes());
        vec16(&mut all, &data);
    }
    vec16(&mut body, &all);
    handshake(1, &body)
}

/// A ServerHello for TLS 1.2, or 1.3 when `modern`.
pub fn server_hello(modern: bool) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(noise(8, 32));
    body.push(0);
    body.extend(if modern { [0x13, 0x01] } else { [0xc0, 0x2f] });
    body.push(0);
    let extensions: &[u8] = if modern { &[0, 43, 0, 2, 3, 4] } else { &[0xff, 1, 0, 1, 0] };
    vec16(&mut body, extensions);
    handshake(2, &body)
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        n if n < 128 => out.push(n as u8),
        n if n < 256 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(body);
    out
}

/// What a certificate says.
pub struct Cert<'a> {
    pub subject: &'a [(&'a str, &'a str)],
    pub issuer: &'a [(&'a str, &'a str)],
    /// `YYMMDDHHMMSSZ`.
    pub from: &'a str,
    pub until: &'a str,
    pub names: &'a [&'a str],
}

fn distinguished(parts: &[(&str, &str)]) -> Vec<u8> {
    let sets: Vec<u8> = parts
        .iter()
        .flat_map(|(kind, value)| {
            let last = match *kind {
                "CN" => 3,
                "C" => 6,
                "L" => 7,
                "ST" => 8,
                "O" => 10,
                "OU" => 11,
                other => panic!("no attribute {other}"),
            };
            let pair = [der(6, &[0x55, 4, last]), der(12, value.as_bytes())].concat();
            der(0x31, &der(0x30, &pair))
        })
        .collect();
    der(0x30, &sets)
}

fn certificate(cert: &Cert<'_>) -> Vec<u8> {
    let sha256_rsa =
        der(0x30, &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), der(5, &[])].concat());
    let rsa = der(0x30, &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), der(5, &[])].concat());
    let mut modulus = vec![0];
    modulus.extend(noise(21, 256));
    modulus[1] |= 0x80;
    let key = der(0x30, &[der(2, &modulus), der(2, &[1, 0, 1])].concat());
    let mut bits = vec![0];
    bits.extend(key);
    let mut parts = vec![
        der(0xa0, &der(2, &[2])),
        der(2, &[0x5a, 1, 2, 3, 4, 5, 6, 7]),
        sha256_rsa.clone(),
        distinguished(cert.issuer),
        der(0x30, &[der(0x17, cert.from.as_bytes()), der(0x17, cert.until.as_bytes())].concat()),
        distinguished(cert.subject),
        der(0x30, &[rsa, der(3, &bits)].concat()),
    ];
    if !cert.names.is_empty() {
        let names: Vec<u8> = cert.names.iter().flat_map(|name| der(0x82, name.as_bytes())).collect();
        let san = [der(6, &[0x55, 0x1d, 17]), der(4, &der(0x30, &names))].concat();
        parts.push(der(0xa3, &der(0x30, &der(0x30, &san))));
    }
    let signature = [&[0][..], &noise(22, 256)].concat();
    der(0x30, &[der(0x30, &parts.concat()), sha256_rsa, der(3, &signature)].concat())
}

/// A handshake: TLS 1.2 with a certificate in clear, or 1.3 without one.
pub fn open(net: &mut Net, tcp: &mut Tcp, client: &Client, name: Option<&str>, cert: Option<&Cert<'_>>) {
    net.up(tcp, &client_hello(client, name));
    net.wait_ms(15);
    let mut flight = server_hello(cert.is_none());
    if let Some(cert) = cert {
        flight.extend(handshake(11, &vec24(&vec24(&certificate(cert)))));
        flight.extend(handshake(12, &noise(31, 329)));
        flight.extend(handshake(14, &[]));
        net.down(tcp, &flight);
        let mut answer = handshake(16, &noise(32, 66));
        answer.extend(record(20, &[1]));
        answer.extend(record(22, &noise(33, 40)));
        net.up(tcp, &answer);
        net.down(tcp, &[record(20, &[1]), record(22, &noise(34, 40))].concat());
    } else {
        flight.extend(record(20, &[1]));
        flight.extend(record(23, &noise(35, 2600)));
        net.down(tcp, &flight);
        net.up(tcp, &[record(20, &[1]), record(23, &noise(36, 69))].concat());
    }
}

/// Application data of `length` bytes in full records.
pub fn data(net: &mut Net, tcp: &mut Tcp, up: bool, length: usize) {
    let bytes = noise(length as u64, length);
    let records: Vec<u8> =
        bytes.chunks(16_384).flat_map(|piece| record(23, &[piece, &[0; 24]].concat())).collect();
    if up {
        net.up(tcp, &records);
    } else {
        net.down(tcp, &records);
    }
}
