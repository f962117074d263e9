//! Writes small databases in MaxMind's format (MaxMind DB 2.0), of invented places.

use serde_json::Value;
use std::net::IpAddr;

/// What a branch of the tree leads to.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database of these networks (`203.0.113.0/24`) with their records: objects of texts and numbers.
pub fn database(kind: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Nothing; 2]];
    let mut data = Vec::new();
    for (network, record) in networks {
        let (addr, bits) = network.split_once('/').expect("a network");
        let bits: u32 = bits.parse().expect("bits");
        // IPv4 lies below ::/96.
        let (number, bits) = match addr.parse::<IpAddr>().expect("an address") {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), bits + 96),
            IpAddr::V6(v6) => (v6.to_bits(), bits),
        };
        let at = data.len();
        put(&mut data, record);
        let mut node = 0;
        for depth in 0..bits {
            let side = (number >> (127 - depth) & 1) as usize;
            if depth + 1 == bits {
                nodes[node][side] = Branch::Data(at);
            } else if let Branch::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([Branch::Nothing; 2]);
                let next = nodes.len() - 1;
                nodes[node][side] = Branch::Node(next);
                node = next;
            }
        }
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for branch in nodes.into_iter().flatten() {
        let value = match branch {
            Branch::Nothing => count,
            Branch::Node(node) => node,
            Branch::Data(at) => count + 16 + at,
        };
        file.extend(&(value as u32).to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    head(&mut file, 7, 9);
    let short = |file: &mut Vec<u8>, key: &str, value: u16| {
        put(file, &Value::from(key));
        head(file, 5, 2);
        file.extend(value.to_be_bytes());
    };
    put(&mut file, &Value::from("node_count"));
    put(&mut file, &Value::from(count));
    short(&mut file, "record_size", 24);
    short(&mut file, "ip_version", 6);
    put(&mut file, &Value::from("database_type"));
    put(&mut file, &Value::from(kind));
    put(&mut file, &Value::from("languages"));
    head(&mut file, 11, 0);
    short(&mut file, "binary_format_major_version", 2);
    short(&mut file, "binary_format_minor_version", 0);
    put(&mut file, &Value::from("build_epoch"));
    head(&mut file, 9, 8);
    file.extend(1_700_000_000_u64.to_be_bytes());
    put(&mut file, &Value::from("description"));
    head(&mut file, 7, 0);
    file
}

/// The control byte of a value: type and size.
fn head(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (short, more) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
    if kind > 7 {
        out.extend([short, kind - 7]);
    } else {
        out.push(kind << 5 | short);
    }
    out.extend(more);
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => {
            head(out, 2, text.len());
            out.extend(text.as_bytes());
        }
        Value::Number(number) => {
            head(out, 6, 4);
            out.extend((number.as_u64().expect("a number") as u32).to_be_bytes());
        }
        Value::Object(fields) => {
            head(out, 7, fields.len());
            for (key, value) in fields {
                put(out, &Value::from(key.as_str()));
                put(out, value);
            }
        }
        _ => panic!("no such value is written: {value}"),
    }
}
