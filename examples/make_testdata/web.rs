//! HTTP on paper.

use crate::net::{Net, Tcp};

/// Sends a request: first line, header lines, body. Content-Length is added when there is a body.
pub fn request(net: &mut Net, tcp: &mut Tcp, line: &str, headers: &[&str], body: &[u8]) {
    let mut text = format!("{line} HTTP/1.1\r\n");
    for header in headers {
        text += header;
        text += "\r\n";
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    net.up(tcp, &[text.as_bytes(), body].concat());
}

/// Answers.
pub fn response(net: &mut Net, tcp: &mut Tcp, status: &str, kind: &str, body: &[u8]) {
    net.wait_ms(30);
    let text = format!(
        "HTTP/1.1 {status}\r\nServer: nginx\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    net.down(tcp, &[text.as_bytes(), body].concat());
}

/// One exchange on a connection of its own.
pub fn once(
    net: &mut Net,
    client: &str,
    server: &str,
    ask: (&str, &[&str], &[u8]),
    answer: (&str, &str, &[u8]),
) {
    let mut tcp = net.tcp(client, server);
    request(net, &mut tcp, ask.0, ask.1, ask.2);
    response(net, &mut tcp, answer.0, answer.1, answer.2);
    net.close(tcp);
}

/// A part of a multipart body.
pub fn part(boundary: &str, name: &str, file: Option<(&str, &str)>, data: &[u8]) -> Vec<u8> {
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
    if let Some((file, kind)) = file {
        head += &format!("; filename=\"{file}\"\r\nContent-Type: {kind}");
    }
    head += "\r\n\r\n";
    [head.as_bytes(), data, b"\r\n"].concat()
}

/// The end of a multipart body.
pub fn end(boundary: &str) -> Vec<u8> {
    format!("--{boundary}--\r\n").into_bytes()
}

/// A program file: as much of a PE as anybody looks at.
pub fn program(length: usize) -> Vec<u8> {
    let mut file = crate::net::noise(length as u64, length);
    file[..2].copy_from_slice(b"MZ");
    file[0x3c..0x40].copy_from_slice(&[0x80, 0, 0, 0]);
    file[0x80..0x86].copy_from_slice(b"PE\0\0\x4c\x01");
    file
}

/// What a browser of 2025 sends along.
pub const BROWSER: &[&str] = &[
    "Connection: keep-alive",
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate",
    "Accept-Language: en-GB,en;q=0.9",
];

/// A browser reads some pages: the background of every case.
pub fn browsing(net: &mut Net, client: &str) {
    for (n, (name, addr)) in [
        ("news.example", "198.51.100.80"),
        ("shop.example", "198.51.100.81"),
        ("static.example", "198.51.100.82"),
    ]
    .iter()
    .enumerate()
    {
        net.resolve(client, name, addr);
        let mut tcp = net.tcp(client, &format!("{addr}:80"));
        for page in ["/", "/style.css", "/logo.png"] {
            let host = format!("Host: {name}");
            let referer = format!("Referer: http://{name}/");
            let mut headers = vec![host.as_str()];
            headers.extend(BROWSER);
            headers.push(&referer);
            request(net, &mut tcp, &format!("GET {page}"), &headers, b"");
            let body = format!("<!doctype html><title>{name}</title>").repeat(40 + 25 * n);
            response(net, &mut tcp, "200 OK", "text/html", body.as_bytes());
            net.wait_ms(700 + 900 * n as u64);
        }
        net.close(tcp);
        net.wait_ms(1700);
    }
}
