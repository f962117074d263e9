//! Folders in the web (WebDAV, RFC 4918): where programs are fetched from as if from a disk, and where files are put.

use super::{Marks, Needs, Signal, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Upload};
use crate::detect::ledger::name;
use crate::record::{Exchange, Flow};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "webdav-upload", needs: Needs::POST.and(Marks::PUBLIC), look: upload },
    Signal { name: "webdav-program", needs: Needs::HTTP.and(Marks::PUBLIC), look: program },
];

/// Methods of RFC 4918 and its kin, beside those of HTTP.
const METHODS: [&str; 8] = ["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH"];
/// Endings of files that run when they are opened.
const RUNS: [&str; 24] = [
    "exe",
    "dll",
    "scr",
    "com",
    "cpl",
    "msi",
    "lnk",
    "url",
    "js",
    "jse",
    "vbs",
    "vbe",
    "wsf",
    "wsh",
    "hta",
    "bat",
    "cmd",
    "ps1",
    "py",
    "jar",
    "xll",
    "pif",
    "application",
    "library-ms",
];
/// Least of a file that is called one, in bytes.
const MIN_FILE: u64 = 400;

/// Spoken as a folder: by method, or by the name that Windows' own redirector gives.
fn folder(exchange: &Exchange) -> bool {
    let agent = exchange.header("User-Agent").unwrap_or("");
    METHODS.contains(&&*exchange.method)
        || agent.starts_with("Microsoft-WebDAV-MiniRedir")
        || agent == "DavClnt"
}

fn bare(exchange: &Exchange) -> bool {
    exchange.host.as_deref().is_none_or(|host| name::address(host).is_some())
}

/// Files are put into a folder on the Internet, in clear.
fn upload(view: &View<'_>) -> Option<Statement> {
    if !view.public() || !view.exchanges().any(|(.., exchange)| folder(exchange)) {
        return None;
    }
    let puts: Vec<(usize, &Flow, &Exchange)> = view
        .exchanges()
        .filter(|(.., exchange)| exchange.method == "PUT" && exchange.sent() >= MIN_FILE)
        .collect();
    let first = puts.first()?.2;
    let bytes = puts.iter().map(|(.., exchange)| exchange.sent()).fold(0, u64::saturating_add);
    let made = view.exchanges().find(|(.., exchange)| exchange.method == "MKCOL");
    let collection = made.map_or("", |_| ", after the folder was made");
    let why =
        format!("{} with {} put into a WebDAV folder{collection}", count(puts.len(), "file"), size(bytes));
    let strength = if bare(first) { 1.0 } else { 0.5 };
    let requests = puts.len() as u64;
    let destination = Some(first.path.chars().take(80).collect());
    let all = made.into_iter().chain(puts);
    let mut statement = all
        .fold(view.say(strength, why), |said, (index, flow, exchange)| said.exchange(index, flow, exchange));
    statement.upload = Some(Upload { bytes, requests, encoding: Some("webdav".to_owned()), destination });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// A file that runs is asked for in a folder on the Internet.
fn program(view: &View<'_>) -> Option<Statement> {
    let runs = |exchange: &Exchange| {
        let file = exchange.path.split('?').next().unwrap_or("").rsplit('/').next().unwrap_or("");
        let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        RUNS.contains(&ending.as_str())
    };
    let got = |exchange: &Exchange| exchange.status.is_some_and(|status| matches!(status, 200 | 206 | 207));
    let folders = view.exchanges().filter(|(.., exchange)| folder(exchange)).count();
    let (index, flow, exchange) =
        view.exchanges().find(|(.., exchange)| folder(exchange) && runs(exchange) && got(exchange))?;
    let file = exchange.path.rsplit('/').next().unwrap_or("").chars().take(60).collect::<String>();
    let why = format!("{file} in a WebDAV folder, with {}", count(folders, "folder request"));
    let strength = if bare(exchange) { 1.0 } else { 0.8 };
    let mut statement = view.say(strength, why).exchange(index, flow, exchange);
    statement.kinds.push(Kind::Download);
    view.public().then_some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view};

    const REDIRECTOR: [(&str, &str); 1] = [("User-Agent", "Microsoft-WebDAV-MiniRedir/10.0.19045")];

    fn talk(server: &str, host: &str, all: &[(&str, &str, u64)]) -> crate::detect::ledger::Ledger {
        ledger(all.iter().zip(0..).map(|(&(method, path, bytes), n)| {
            let body = (bytes > 0).then(|| body(bytes));
            let client = if server.starts_with("203.") { "192.0.2.10" } else { "10.0.0.20" };
            flow(server, 80)
                .client(client)
                .at_ms(n * 300)
                .http(request(method, host, path, &REDIRECTOR, body))
                .build()
        }))
    }

    #[test]
    fn files_put_into_a_folder() {
        let all = [("OPTIONS", "/", 0), ("MKCOL", "/u/PC-7", 0), ("PUT", "/u/PC-7/a.zip", 40_000)];
        let said = upload(&view(&talk("203.0.113.9", "203.0.113.9", &all))).unwrap();
        assert!(said.strength > 0.9 && said.frames.len() == 2, "{}", said.why);
        assert!(upload(&view(&talk("203.0.113.9", "files.example", &all))).unwrap().strength < 0.6);
        // Reading, a store at home, and an ordinary PUT.
        assert!(upload(&view(&talk("203.0.113.9", "203.0.113.9", &all[..2]))).is_none());
        assert!(upload(&view(&talk("192.168.3.4", "192.168.3.4", &all))).is_none());
        let put = request("PUT", "203.0.113.9", "/v1/items/4", &[], Some(body(900)));
        assert!(upload(&view(&ledger([flow("203.0.113.9", 80).http(put).build()]))).is_none());
    }

    #[test]
    fn programs_opened_from_a_folder() {
        let with =
            |file| [("OPTIONS", "/", 0), ("PROPFIND", "/d", 0), ("PROPFIND", file, 0), ("GET", file, 0)];
        assert!(program(&view(&talk("203.0.113.9", "203.0.113.9", &with("/d/invoice.lnk")))).is_some());
        assert!(program(&view(&talk("203.0.113.9", "203.0.113.9", &with("/d/report.docx")))).is_none());
        assert!(program(&view(&talk("10.0.0.9", "10.0.0.9", &with("/d/setup.exe")))).is_none());
        let get = request("GET", "203.0.113.9", "/setup.exe", &[("User-Agent", "Mozilla/5.0")], None);
        assert!(program(&view(&ledger([flow("203.0.113.9", 80).http(get).build()]))).is_none());
    }
}
