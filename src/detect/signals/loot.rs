//! What left, by the names of its pieces and the marks of credential lists.

use super::{Needs, Piece, Signal, Traits, View, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Loot, Upload};
use crate::record::Body;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "loot-listing", needs: Needs::PIECE.with(Traits::FILED), look: listing },
    Signal { name: "credential-text", needs: Needs::PIECE.with(Traits::MARKED), look: credentials },
    Signal { name: "credential-query", needs: Needs::HTTP, look: query },
];

/// Names of loot kept for a finding.
const MAX_NAMES: usize = 32;

/// What kind of loot a file name tells of. Names as the public knowledge of stealer logs has them; a name counts
/// by its whole words, so that `passwordless.txt` or `systematic.png` say nothing.
pub(super) fn class(path: &str) -> Option<&'static str> {
    let path = path.replace('\\', "/").to_lowercase();
    let file = path.rsplit('/').next().unwrap_or("");
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words: BTreeSet<&str> =
        path.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let any = |list: &[&str]| list.iter().any(|word| words.contains(word));
    // In the order of what tells most.
    if any(&["passwords", "password", "passwds", "pwds", "logins", "passwordslist", "allpasswords"])
        || matches!(file, "login data" | "logins.json" | "key4.db" | "key3.db" | "signons.sqlite")
        || stem.ends_with("_passwords")
        || stem.ends_with("_logins")
    {
        Some("passwords")
    } else if any(&["cookies", "cookie", "cookieslist", "cookielist"]) || file == "cookies.sqlite" {
        Some("cookies")
    } else if any(&["autofill", "autofills", "webdata", "formhistory"]) || file == "web data" {
        Some("autofill")
    } else if any(&["creditcards", "creditcard", "ccdata", "cards"]) || any(&["cc"]) && path.contains('/') {
        Some("cards")
    } else if any(&["wallet", "wallets", "electrum", "exodus", "metamask", "coinomi", "jaxx", "atomicwallet"])
    {
        Some("wallets")
    } else if matches!(file, "sitemanager.xml" | "recentservers.xml" | "winscp.ini")
        || any(&["filezilla", "winscp"])
    {
        Some("ftp")
    } else if account_key(&path, file) {
        Some("credentials")
    } else if path.contains("d877f783d5d3ef8c") || any(&["tdata"]) || any(&["telegram"]) && path.contains('/')
    {
        Some("telegram")
    } else if any(&["discord"]) && any(&["tokens", "token", "leveldb"]) {
        Some("discord")
    } else if file.starts_with("ssfn") || matches!(file, "loginusers.vdf") {
        Some("steam")
    } else if any(&["screenshot", "screenshots", "screen", "desktopshot"]) && image(file) {
        Some("screenshot")
    } else if any(&[
        "systeminfo",
        "sysinfo",
        "userinformation",
        "userinfo",
        "hardware",
        "pcinfo",
        "machineinfo",
    ]) || matches!(
        stem,
        "system"
            | "information"
            | "system info"
            | "system_info"
            | "info"
            | "system information"
            | "user information"
            | "computer"
            | "pc info"
            | "systeminformation"
            | "machine"
            | "_info"
    ) && text(file)
    {
        Some("system")
    } else if any(&[
        "processes",
        "processlist",
        "installedsoftware",
        "installedprograms",
        "softwarelist",
        "proclist",
    ]) || matches!(stem, "process" | "software" | "programs" | "installed") && text(file)
    {
        Some("software")
    } else if any(&["history", "histories", "visited"]) && text(file) || stem.ends_with("_history") {
        Some("history")
    } else if any(&["filegrabber", "grabber", "grabbed"]) {
        Some("files")
    } else if any(&["clipboard", "keylogs", "keylog", "keystrokes"]) {
        Some("keys")
    } else {
        None
    }
}

fn image(file: &str) -> bool {
    [".png", ".jpg", ".jpeg", ".bmp"].iter().any(|ending| file.ends_with(ending))
}

fn text(file: &str) -> bool {
    [".txt", ".log", ".json", ".html", ".csv"].iter().any(|ending| file.ends_with(ending))
}

/// The names in a body: archive members, parts, files.
fn names(body: &Body, found: &mut Vec<String>) {
    if let Some(archive) = body.archive.as_deref() {
        found.extend(archive.members.iter().map(|member| member.name.clone()));
    }
    found.extend(body.file_name.clone());
    for part in &body.parts {
        // A part that has a file name is a file; a field's name alone is a word of a form.
        if part.body.file_name.is_some() {
            found.extend(part.name.clone());
        }
        names(&part.body, found);
    }
}

/// How files are wrapped, in words.
pub(super) fn encoding(body: &Body) -> Option<String> {
    let archives = body.archives();
    let inner = archives.first().map(|archive| archive.kind.as_str()).or(body.magic.as_deref());
    let wrapped = body.wrapped.iter().chain(body.parts.iter().flat_map(|part| &part.body.wrapped));
    let mut words: Vec<String> = wrapped.cloned().collect();
    words.extend(inner.map(str::to_owned));
    if words.is_empty() && !body.parts.is_empty() {
        words.push("multipart".to_owned());
    }
    words.dedup();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Keys and tokens of accounts elsewhere, where programs keep them: OpenSSH, GnuPG, AWS, Azure, Google Cloud,
/// Kubernetes, Docker, netrc, git, the macOS keychain.
fn account_key(path: &str, file: &str) -> bool {
    let below = |folder: &str| path.starts_with(&folder[1..]) || path.contains(folder);
    below("/.ssh/id_")
        || below("/.gnupg/")
        || below("/.aws/credentials")
        || below("/.azure/")
        || below("/.config/gcloud/")
        || below("/.kube/config")
        || below("/.docker/config.json")
        || matches!(
            file,
            ".netrc" | "_netrc" | ".git-credentials" | "login.keychain-db" | "id_rsa" | "id_ed25519"
        )
}

/// Names in what was uploaded tell of browser stores, wallets, screenshots.
fn listing(view: &View<'_>) -> Option<Statement> {
    let mut classes: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut kept: Vec<String> = Vec::new();
    let mut carrying: Vec<Piece<'_>> = Vec::new();
    for piece in view.pieces() {
        let mut found = Vec::new();
        names(piece.body, &mut found);
        if piece.flow.parent.is_some() {
            found.extend(piece.place.map(str::to_owned));
        }
        let before = kept.len();
        for name in found {
            if let Some(class) = class(&name) {
                *classes.entry(class).or_default() += 1;
                kept.push(name);
            }
        }
        if kept.len() > before {
            carrying.push(piece);
        }
    }
    let first = carrying.first()?;
    // Secrets of browsers and wallets tell; a picture or a text about the system alone does not.
    let secret = [
        "passwords",
        "cookies",
        "autofill",
        "cards",
        "wallets",
        "telegram",
        "discord",
        "steam",
        "ftp",
        "keys",
        "credentials",
    ];
    let secrets = classes.keys().filter(|class| secret.contains(class)).count();
    let strength = match (classes.len(), secrets) {
        (3.., 1..) => 1.0,
        (2, 2..) => 0.9,
        (2, 1) => 0.75,
        (1, 1) => 0.35,
        (2.., 0) => 0.4,
        _ => 0.15,
    };
    let listed: Vec<String> = classes.iter().map(|(class, n)| format!("{class} {n}")).collect();
    let why = format!("names in what was sent: {}", listed.join(", "));
    let bytes = carrying.iter().map(|piece| piece.body.bytes).fold(0, u64::saturating_add);
    let requests = carrying.len() as u64;
    let mut statement = carrying.iter().fold(view.say(strength, why), Statement::piece);
    statement.upload = Some(Upload {
        bytes,
        requests,
        encoding: encoding(first.body),
        destination: first.place.map(str::to_owned),
    });
    kept.sort();
    kept.dedup();
    kept.truncate(MAX_NAMES);
    let categories = classes.into_iter().map(|(class, n)| (class.to_owned(), n)).collect();
    statement.loot = Some(Loot { categories, names: kept, drop: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// Markers (`content::markers`) with the category of loot they tell of, and whether one kind of them suffices.
/// The others are names that programs of the kind themselves send now and then.
const MARKS: [(&str, &str, bool); 16] = [
    ("url-user-password-block", "passwords", true),
    ("url-user-password-json", "passwords", true),
    ("url-user-password-xml", "passwords", true),
    ("label-found-from", "passwords", true),
    ("mail-client-accounts", "mail", true),
    ("card-block", "cards", true),
    ("netscape-cookies", "cookies", true),
    ("cookie-json", "cookies", true),
    ("keylog", "keys", true),
    ("discord-token", "discord", true),
    ("scan-result-xml", "system", true),
    ("telegram-tdata", "telegram", false),
    ("browser-store", "passwords", false),
    ("wallet", "wallets", false),
    ("steam", "steam", false),
    ("ftp-client", "ftp", false),
];

/// What was uploaded holds lists of credentials in clear.
fn credentials(view: &View<'_>) -> Option<Statement> {
    let mut seen: BTreeMap<&'static str, (u64, bool)> = BTreeMap::new();
    let mut categories: BTreeMap<String, u64> = BTreeMap::new();
    let mut carrying = Vec::new();
    for piece in view.pieces() {
        let mut found = false;
        marks(piece.body, &mut |name, n| {
            if let Some((name, category, sure)) = MARKS.into_iter().find(|(own, ..)| *own == name) {
                found = true;
                seen.entry(name).or_insert((0, sure)).0 += n;
                *categories.entry(category.to_owned()).or_default() += n;
            }
        });
        if found {
            carrying.push(piece);
        }
    }
    let sure: Vec<u64> = seen.values().filter(|(_, sure)| *sure).map(|(n, _)| *n).collect();
    // One block may be a person logging in or a form about a card; two are a list.
    let strength = match (sure.len(), sure.iter().max(), seen.len()) {
        (2.., ..) | (1, Some(3..), _) => 1.0,
        (1, Some(2), _) => 0.8,
        (1, _, 2..) | (0, _, 3..) => 0.7,
        (1, ..) => 0.35,
        (0, _, 2) => 0.4,
        _ => return None,
    };
    let bytes = carrying.iter().map(|piece: &Piece<'_>| piece.body.bytes).fold(0, u64::saturating_add);
    let listed: Vec<String> = seen.iter().map(|(name, (n, _))| format!("{name} {n}")).collect();
    let why = format!("{} with the marks of credential lists: {}", size(bytes), listed.join(", "));
    let mut statement = carrying.iter().fold(view.say(strength, why), Statement::piece);
    let first = carrying.first()?;
    statement.upload = Some(Upload {
        bytes,
        requests: carrying.len() as u64,
        encoding: encoding(first.body),
        destination: first.place.map(str::to_owned),
    });
    statement.loot = Some(Loot { categories, names: Vec::new(), drop: None });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// A request hands over one credential by its parts: user, password, and where they are from.
fn query(view: &View<'_>) -> Option<Statement> {
    const USERS: [&str; 6] = ["user", "username", "login", "usr", "email", "account"];
    const SECRETS: [&str; 6] = ["pass", "password", "pwd", "passwd", "pswd", "pw"];
    const ORIGINS: [&str; 12] = [
        "pcname",
        "pc",
        "hwid",
        "app",
        "application",
        "soft",
        "browser",
        "sitename",
        "website",
        "victim",
        "computer",
        "compname",
    ];
    let mut found = Vec::new();
    for (index, flow, exchange) in view.exchanges() {
        let asked = exchange.path.split_once('?').map_or("", |(_, query)| query);
        if asked.is_empty() && exchange.request.is_none() {
            continue;
        }
        if exchange.header("Cookie").is_some() || exchange.header("Referer").is_some() {
            // Sent by a browser.
            continue;
        }
        let mut names: BTreeSet<String> =
            asked.split('&').filter_map(|pair| pair.split('=').next()).map(str::to_lowercase).collect();
        if let Some(body) = exchange.request.as_deref() {
            names.extend(body.fields.iter().map(|field| field.name.to_lowercase()));
        }
        let any = |list: &[&str]| list.iter().any(|name| names.contains(*name));
        if any(&USERS) && any(&SECRETS) && any(&ORIGINS) {
            found.push((index, flow, exchange));
        }
    }
    let first = found.first()?;
    let why = format!(
        "{} that hand over user, password and where they are from",
        super::count(found.len(), "request")
    );
    let strength = if found.len() > 1 { 1.0 } else { 0.8 };
    let upload = Upload {
        bytes: found.iter().map(|(_, flow, _)| flow.payload.to_server).fold(0, u64::saturating_add),
        requests: found.len() as u64,
        encoding: None,
        destination: Some(first.2.path.split('?').next().unwrap_or("").to_owned()),
    };
    let passwords = found.len() as u64;
    let statement = view.say(strength, why);
    let mut statement = found
        .into_iter()
        .fold(statement, |said, (index, flow, exchange)| said.exchange(index, flow, exchange));
    statement.upload = Some(upload);
    statement.loot = Some(Loot {
        categories: BTreeMap::from([("passwords".to_owned(), passwords)]),
        names: Vec::new(),
        drop: None,
    });
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// Calls with every marker of a body and its parts.
pub(super) fn marks<'a>(body: &'a Body, call: &mut dyn FnMut(&'a str, u64)) {
    for marker in &body.markers {
        call(&marker.name, u64::from(marker.count));
    }
    for part in &body.parts {
        marks(&part.body, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, request, view, zip};
    use crate::record::Marker;

    #[test]
    fn names_of_loot() {
        for (name, wanted) in [
            ("Passwords.txt", Some("passwords")),
            ("X/Cookies/Chrome_Default.txt", Some("cookies")),
            ("System Info.txt", Some("system")),
            ("Wallets/Example/seed.dat", Some("wallets")),
            ("screenshot.jpg", Some("screenshot")),
            ("Telegram/D877F783D5D3EF8C/map0", Some("telegram")),
            ("browsers/firefox_urls.txt", None),
            ("holiday/beach.jpg", None),
            ("systematic.png", None),
            ("report.docx", None),
        ] {
            assert_eq!(class(name), wanted, "{name}");
        }
    }

    #[test]
    fn an_archive_of_browser_files_is_told_by_its_listing() {
        let loot = zip(40_000, &["Passwords.txt", "Cookies/a.txt", "Screenshot.png", "System.txt"]);
        let upload = request("POST", "drop.example", "/in", &[], Some(loot));
        let ledger = ledger([flow("203.0.113.4", 80).http(upload).build()]);
        let said = listing(&view(&ledger)).unwrap();
        assert!((said.strength - 1.0).abs() < 1e-9);
        assert_eq!(said.loot.unwrap().categories.len(), 4);
        let photos = zip(40_000, &["holiday/beach.jpg", "holiday/goats.jpg"]);
        let upload = request("POST", "photos.example", "/in", &[], Some(photos));
        let ledger = super::super::super::testing::ledger([flow("203.0.113.4", 80).http(upload).build()]);
        assert_eq!(listing(&view(&ledger)), None);
    }

    #[test]
    fn a_credential_in_a_query() {
        let get = |path: &str| {
            let exchange = request("GET", "a.example", path, &[], None);
            ledger([flow("203.0.113.4", 80).http(exchange).build()])
        };
        assert!(
            query(&view(&get("/i.php?action=add&username=x&password=<4>&app=Mail&pcname=EXAMPLE-PC")))
                .is_some()
        );
        assert!(query(&view(&get("/login?user=x&password=<4>"))).is_none());
    }

    #[test]
    fn marks_of_credential_lists() {
        let marked = |name: &str, count| {
            let mut one = body(900);
            one.markers.push(Marker { name: name.into(), count });
            let upload = request("POST", "drop.example", "/in", &[], Some(one));
            ledger([flow("203.0.113.4", 80).http(upload).build()])
        };
        assert!(credentials(&view(&marked("url-user-password-block", 7))).unwrap().strength > 0.9);
        assert!(credentials(&view(&marked("wallet", 1))).is_none());
        assert!(credentials(&view(&marked("other", 7))).is_none());
    }
}
