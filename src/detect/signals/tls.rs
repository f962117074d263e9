//! What shows of an encrypted conversation: names, certificates, versions.

use super::{Marks, Needs, Signal, Traits, View, count};
use crate::detect::evidence::Statement;
use crate::detect::ledger::{address, name};
use crate::record::{Certificate, Flow, Tls};
use crate::time::Duration;

pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        name: "tls-without-name",
        needs: Needs::TLS.with(Traits::NAMELESS).and(Marks::PUBLIC),
        look: without_name,
    },
    Signal { name: "self-signed", needs: Needs::TLS.with(Traits::HOME_MADE), look: self_signed },
    Signal { name: "placeholder-certificate", needs: Needs::TLS.with(Traits::SHOWN), look: placeholder },
    Signal {
        name: "invented-certificate",
        needs: Needs::TLS.with(Traits::SHOWN).and(Marks::PUBLIC),
        look: invented,
    },
    Signal {
        name: "pretending-certificate",
        needs: Needs::TLS.with(Traits::SHOWN).with(Traits::NAMELESS).and(Marks::PUBLIC).and(Marks::BARE),
        look: pretending,
    },
    Signal {
        name: "upload-to-nobody",
        needs: Needs::TLS.with(Traits::HOME_MADE).with(Traits::NAMELESS).and(Marks::PUBLIC),
        look: upload,
    },
    Signal { name: "certificate-of-another", needs: Needs::TLS.with(Traits::SHOWN), look: another },
    Signal { name: "tls-odd-port", needs: Needs::TLS.and(Marks::PUBLIC), look: odd_port },
    Signal { name: "old-tls", needs: Needs::TLS.with(Traits::NAMELESS).and(Marks::PUBLIC), look: old },
    Signal { name: "tls-on-web-port", needs: Needs::TLS.and(Marks::PUBLIC), look: web_port },
    Signal {
        name: "certificate-ignored",
        needs: Needs::TLS.with(Traits::HOME_MADE).and(Marks::PUBLIC),
        look: ignored,
    },
    Signal {
        name: "young-certificate",
        needs: Needs::TLS.with(Traits::SHOWN).and(Marks::PUBLIC).and(Marks::UNKNOWN),
        look: young,
    },
    Signal {
        name: "quic-without-name",
        needs: Needs::TLS.with(Traits::NAMELESS).and(Marks::PUBLIC).and(Marks::BARE),
        look: quic,
    },
];

/// Least that is called an upload, in bytes.
const MIN_UPLOAD: u64 = 20_000;
/// Ten years in seconds: no authority signs a server for longer.
const DECADE_S: i64 = 10 * 365 * 86_400;
/// Least that is called a conversation after a handshake, in bytes each way: alerts and tickets are shorter.
const MIN_TALK: u64 = 300;
/// Age up to which a certificate is called young.
const YOUNG: Duration = Duration::from_secs(3 * 86_400);

/// Handshakes, but not those that only begin a private network: its certificates are its own, and name no host.
fn hellos<'a>(view: &View<'a>) -> impl Iterator<Item = (usize, &'a Flow, &'a Tls)> + Clone + use<'a> {
    view.flows()
        .filter_map(|(index, flow)| Some((index, flow, flow.tls.as_deref()?)))
        .filter(|(.., tls)| tls.after.as_deref() != Some("openvpn"))
}

fn leafs<'a>(
    view: &View<'a>,
) -> impl Iterator<Item = (usize, &'a Flow, &'a Tls, &'a Certificate)> + Clone + use<'a> {
    hellos(view).filter_map(|(index, flow, tls)| Some((index, flow, tls, tls.certificates.first()?.as_ref())))
}

fn cite(view: &View<'_>, strength: f64, why: String, index: usize, flow: &Flow, tls: &Tls) -> Statement {
    view.say(strength, why).at(index, flow, tls.frame.unwrap_or(flow.frames.first), flow.start)
}

/// The client does not say whom it wants.
fn without_name(view: &View<'_>) -> Option<Statement> {
    let all = hellos(view).count();
    let (index, flow, tls) =
        hellos(view).find(|(.., tls)| tls.frame.is_some() && tls.sni.is_none() && tls.after.is_none())?;
    let named = hellos(view).any(|(.., tls)| tls.sni.is_some());
    (view.public() && !named).then(|| {
        cite(view, 1.0, format!("{} without a server name", count(all, "TLS handshake")), index, flow, tls)
    })
}

/// Nobody but the server vouches for the server.
fn self_signed(view: &View<'_>) -> Option<Statement> {
    let alone = |tls: &Tls, cert: &Certificate| {
        // Public authorities sign with their own certificate in the chain and name hosts in an extension.
        cert.names.is_empty() && tls.certificates.len() == 1
    };
    let Some((index, flow, tls, cert)) = leafs(view).find(|(.., cert)| cert.self_signed) else {
        let (index, flow, tls, cert) = leafs(view).find(|(_, _, tls, cert)| alone(tls, cert))?;
        let why = format!("a certificate that no authority would sign: {}", clip(&cert.subject));
        return Some(cite(view, 0.6, why, index, flow, tls));
    };
    let years = cert.not_after.since(cert.not_before).as_secs_f64();
    let long = years as i64 >= DECADE_S;
    let much = if long { ", valid for ten years or more" } else { "" };
    let why = format!("self-signed certificate {}{much}", clip(&cert.subject));
    Some(cite(view, if long { 1.0 } else { 0.75 }, why, index, flow, tls))
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Subjects that tools fill in where nobody thought of one.
fn placeholder(view: &View<'_>) -> Option<Statement> {
    let marks = [
        "Internet Widgits",
        "Default Company",
        "My Company Name",
        "Some-State",
        "Some-Company",
        "Default City",
        "Example Company",
        "Company Name",
    ];
    let plain = [
        "example.com",
        "domain.com",
        "localhost",
        "server",
        "www.example.com",
        "test",
        "example",
        "asd",
        "default",
    ];
    let (index, flow, tls, cert) = leafs(view).find(|(.., cert)| {
        let cn = cert.cn.as_deref().unwrap_or("").to_ascii_lowercase();
        let marked = marks.iter().any(|mark| cert.subject.contains(mark));
        let plain = cert.self_signed && plain.contains(&cn.as_str()) && cert.subject.contains("O=");
        // The name of one's own machine says nothing of another's.
        let elsewhere = cert.self_signed && cn == "localhost" && !view.channel.service.local;
        marked || plain || elsewhere || cert.self_signed && nameless(cert) && !view.channel.service.local
    })?;
    let strength = if nameless(cert) { 0.8 } else { 1.0 };
    Some(cite(
        view,
        strength,
        format!("a certificate nobody filled in: {}", clip(&cert.subject)),
        index,
        flow,
        tls,
    ))
}

/// A subject that says nothing but a country or a state: neither a name nor an organisation.
fn nameless(cert: &Certificate) -> bool {
    let part = |own: &str| matches!(own.trim().split_once('='), Some(("C" | "ST" | "L", _)));
    !cert.subject.is_empty() && cert.names.is_empty() && cert.subject.split(',').all(part)
}

/// Subjects of letters that are no words, or names below top-level domains that do not exist.
fn invented(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls, cert, what) = leafs(view).find_map(|(index, flow, tls, cert)| {
        let cn = cert.cn.as_deref()?;
        let unknown_root = name::host(cn).is_some_and(|host| {
            psl::suffix(host.as_bytes()).is_none_or(|suffix| !suffix.is_known()) && !special(&host)
        });
        let what = if unknown_root {
            "a name below no existing top-level domain"
        } else if self_named_nonsense(cert) {
            "words of no language"
        } else {
            return None;
        };
        Some((index, flow, tls, cert, what))
    })?;
    view.public().then(|| {
        cite(view, 1.0, format!("certificate with {what}: {}", clip(&cert.subject)), index, flow, tls)
    })
}

/// Endings that networks use among themselves.
fn special(host: &str) -> bool {
    let ending = host.rsplit('.').next().unwrap_or("");
    matches!(
        ending,
        "local"
            | "lan"
            | "home"
            | "internal"
            | "corp"
            | "localdomain"
            | "intranet"
            | "test"
            | "example"
            | "invalid"
            | "arpa"
    ) || ending.bytes().all(|b| b.is_ascii_digit())
}

/// Two or more parts of a self-made subject that cannot be pronounced.
fn self_named_nonsense(cert: &Certificate) -> bool {
    let parts =
        cert.subject.split(',').filter_map(|part| part.trim().split_once('=').map(|(_, value)| value));
    let odd = parts.filter(|value| value.len() >= 5 && unpronounceable(value)).count();
    cert.self_signed && odd >= 2
}

/// Four consonants in a row, or letters and digits mixed without order.
fn unpronounceable(word: &str) -> bool {
    let vowel = |b: u8| matches!(b.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let runs = word.as_bytes().split(|&b| vowel(b) || !b.is_ascii_alphabetic());
    runs.map(<[u8]>::len).max().unwrap_or(0) >= 5
}

/// A self-made certificate in the name of a company with a domain, at an address that no name led to.
fn pretending(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls, cert) = leafs(view).find(|(_, _, tls, cert)| {
        let company = cert.subject.split(',').any(|part| part.trim().starts_with("O="));
        let domain = cert.cn.as_deref().and_then(name::host).is_some_and(|host| !special(&host));
        let alone = cert.self_signed || tls.certificates.len() == 1;
        alone && company && domain && cert.names.is_empty() && tls.sni.is_none() && !own_domain(cert)
    })?;
    let why = format!("a self-made certificate that names company and domain: {}", clip(&cert.subject));
    (view.public() && view.channel.service.bare()).then(|| cite(view, 1.0, why, index, flow, tls))
}

/// Much goes up at once to a server without a name, whose certificate nobody vouches for.
fn upload(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls, _) = leafs(view).find(|(_, flow, tls, cert)| {
        let alone = cert.self_signed || cert.names.is_empty() && tls.certificates.len() == 1;
        let (up, down) = (flow.payload.to_server, flow.payload.to_client);
        alone && tls.sni.is_none() && up >= MIN_UPLOAD && up >= down.saturating_mul(3)
    })?;
    let why = format!("{} up to a server without name or sponsor", super::size(flow.payload.to_server));
    view.public().then(|| cite(view, 1.0, why, index, flow, tls))
}

/// The company's first word is in its domain, as with honest makers: `CN=chat.maker.example, O=Maker Ltd`.
fn own_domain(cert: &Certificate) -> bool {
    let cn = cert.cn.as_deref().unwrap_or("").to_lowercase();
    let company = cert.subject.split(',').find_map(|part| part.trim().strip_prefix("O="));
    let word = company.unwrap_or("").to_lowercase();
    let word = word.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
    word.len() >= 3 && cn.contains(word)
}

/// The certificate is not for the name that was asked for.
fn another(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls, cert) = leafs(view).find(|(_, _, tls, cert)| {
        let Some(sni) = tls.sni.as_deref() else { return false };
        let names = cert.names.iter().map(String::as_str).chain(cert.cn.as_deref());
        let mut names = names.peekable();
        names.peek().is_some() && !names.any(|own| name::covers(own, sni))
    })?;
    let sni = tls.sni.as_deref().unwrap_or("");
    let own = cert.cn.as_deref().unwrap_or(&cert.subject);
    Some(cite(view, 1.0, format!("asked for {sni}, certificate of {}", clip(own)), index, flow, tls))
}

/// TLS where nobody expects it.
fn odd_port(view: &View<'_>) -> Option<Statement> {
    let usual = |port| {
        matches!(
            port,
            443 | 465 | 563 | 587 | 25 | 143 | 110 | 21 | 389 | 3389 | 636 | 853 | 989
                ..=995 | 5061 | 5222 | 5223 | 5228 | 8443 | 8883 | 1194 | 2525 | 3128 | 8080
        )
    };
    if view.channel.service.ports.iter().all(|&port| usual(port)) {
        return None;
    }
    let (index, flow, tls) =
        hellos(view).find(|(_, flow, tls)| !usual(flow.server.port) && tls.after.is_none())?;
    view.public().then(|| cite(view, 1.0, format!("TLS on port {}", flow.server.port), index, flow, tls))
}

/// A version from the last century, without a name, from a host that speaks newer ones elsewhere or not.
fn old(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls) = hellos(view).find(|(.., tls)| {
        matches!(tls.version.as_str(), "SSLv2" | "SSLv3" | "TLS1.0") && tls.sni.is_none()
    })?;
    view.public().then(|| cite(view, 1.0, format!("{} without a server name", tls.version), index, flow, tls))
}

/// TLS on the port of HTTP in clear: a firewall lets it pass, a web server would never offer it.
fn web_port(view: &View<'_>) -> Option<Statement> {
    if !view.channel.service.ports.contains(&80) {
        return None;
    }
    let (index, flow, tls) = hellos(view)
        .find(|(_, flow, tls)| flow.server.port == 80 && tls.established && tls.after.is_none())?;
    view.public().then(|| cite(view, 1.0, "TLS on port 80".to_owned(), index, flow, tls))
}

/// A public name is asked for, a certificate that nobody vouches for and that is not for it comes back, and the client
/// goes on. Programs that check would end here; browsers ask the user first.
fn ignored(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls, cert) = leafs(view).find(|(_, flow, tls, cert)| {
        let Some(sni) = tls.sni.as_deref().and_then(name::host) else { return false };
        let own = cert.names.iter().map(String::as_str).chain(cert.cn.as_deref());
        let mut own = own.filter(|own| name::covers(own, &sni));
        let talk = flow.payload.to_server >= MIN_TALK && flow.payload.to_client >= MIN_TALK;
        cert.self_signed && own.next().is_none() && tls.established && talk && !name::rootless(&sni)
    })?;
    let sni = tls.sni.as_deref().unwrap_or("");
    let why = format!("asked for {sni}, got the home-made {}, and went on", clip(&cert.subject));
    view.public().then(|| cite(view, 1.0, why, index, flow, tls))
}

/// The web over QUIC at an address without a name: browsers come to HTTP/3 by a name's records or by what a named server
/// offered, and peers among themselves speak protocols of their own.
fn quic(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls) = hellos(view).find(|(_, flow, tls)| {
        let web = tls.alpn.iter().any(|protocol| protocol == "h3" || protocol.starts_with("h3-"));
        flow.quic.is_some() && web && tls.sni.is_none() && tls.frame.is_some() && flow.server.port != 853
    })?;
    let other = view.channel.service.addrs.iter().any(|&addr| address::public_resolver(addr));
    let why = "HTTP/3 with an address without a name".to_owned();
    (view.public() && view.channel.service.bare() && !other).then(|| cite(view, 1.0, why, index, flow, tls))
}

/// The certificate was made days before.
fn young(view: &View<'_>) -> Option<Statement> {
    let (index, flow, tls, age) = leafs(view).find_map(|(index, flow, tls, cert)| {
        let age = flow.start.since(cert.not_before);
        (cert.not_before <= flow.start && age <= YOUNG).then_some((index, flow, tls, age))
    })?;
    let hours = age.as_secs_f64() / 3600.0;
    let why = format!("a certificate {hours:.0} hours old");
    (view.public() && !view.known()).then(|| cite(view, 1.0, why, index, flow, tls))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{certificate, flow, ledger, view};

    fn with(
        sni: Option<&str>,
        port: u16,
        subject: &str,
        issuer: &str,
        names: &[&str],
    ) -> crate::detect::ledger::Ledger {
        let mut cert = certificate(subject, issuer, names);
        cert.not_before = cert.not_before - Duration::from_secs(30 * 86_400);
        ledger([flow("203.0.113.71", port)
            .tls(sni, Some(cert))
            .edit(|flow| {
                if let Some(tls) = &mut flow.tls {
                    tls.frame = Some(4);
                }
            })
            .payload(900, 900)
            .build()])
    }

    #[test]
    fn an_ordinary_server_says_nothing() {
        let fine = with(
            Some("www.shop.example"),
            443,
            "CN=www.shop.example",
            "CN=Example Trust R3",
            &["www.shop.example"],
        );
        for signal in SIGNALS {
            assert_eq!((signal.look)(&view(&fine)), None, "{}", signal.name);
        }
    }

    #[test]
    fn the_web_over_quic_without_a_name() {
        let with = |sni: Option<&str>, alpn: &str, server: &str| {
            let client = if server.starts_with("192.168.") { "192.168.7.20" } else { "192.0.2.10" };
            ledger([flow(server, 443)
                .client(client)
                .proto(crate::record::Proto::Udp)
                .tls(sni, None)
                .edit(|flow| {
                    flow.quic = Some(Box::default());
                    let tls = flow.tls.as_mut().unwrap();
                    (tls.frame, tls.alpn) = (Some(1), vec![alpn.into()]);
                })
                .payload(9_000, 9_000)
                .build()])
        };
        assert!(quic(&view(&with(None, "h3", "203.0.113.71"))).is_some());
        assert!(quic(&view(&with(Some("www.shop.example"), "h3", "203.0.113.71"))).is_none());
        assert!(quic(&view(&with(None, "peers/1", "203.0.113.71"))).is_none());
        assert!(quic(&view(&with(None, "h3", "8.8.8.8"))).is_none());
        assert!(quic(&view(&with(None, "h3", "192.168.7.1"))).is_none());
    }

    #[test]
    fn home_made_servers() {
        let own = with(None, 6606, "CN=Example Server", "CN=Example Server", &[]);
        for look in [without_name, self_signed, odd_port] {
            assert!(look(&view(&own)).is_some());
        }
        let widgets = "CN=localhost,O=Internet Widgits Pty Ltd,ST=Some-State";
        assert!(placeholder(&view(&with(None, 443, widgets, widgets, &[]))).is_some());
        let odd = "CN=qwrt.thngzz,O=Xkcdvb Ltd";
        assert!(invented(&view(&with(None, 443, odd, odd, &[]))).is_some());
        assert!(
            another(&view(&with(Some("a.example"), 443, "CN=b.example", "CN=R3", &["b.example"]))).is_some()
        );
    }

    #[test]
    fn certificates_in_the_name_of_a_company() {
        let subject = "CN=ovigath.com,O=Asintbe Corporation,L=Bogota,C=CO";
        assert!(pretending(&view(&with(None, 443, subject, subject, &[]))).is_some());
        let maker = "CN=chat.maker.com,O=Maker Ltd,C=KR";
        assert!(pretending(&view(&with(None, 443, maker, maker, &[]))).is_none());
    }

    #[test]
    fn loot_for_nobody() {
        let send = |subject: &str, names: &[&str]| {
            let cert = certificate(subject, subject, names);
            ledger([flow("203.0.113.71", 443).tls(None, Some(cert)).payload(54_000, 1_900).build()])
        };
        assert!(upload(&view(&send("CN=box", &[]))).is_some());
        let cert = certificate("CN=www.shop.example", "CN=R3", &["www.shop.example"]);
        let sold = ledger([flow("203.0.113.71", 443).tls(None, Some(cert)).payload(54_000, 1_900).build()]);
        assert!(upload(&view(&sold)).is_none());
    }

    #[test]
    fn a_client_that_does_not_mind() {
        let own = "CN=localhost,O=Example Office";
        let went_on = with(Some("panel.quay-of-boats.com"), 443, own, own, &[]);
        assert!(ignored(&view(&went_on)).is_some());
        let right = "CN=panel.quay-of-boats.com";
        assert!(ignored(&view(&with(Some("panel.quay-of-boats.com"), 443, right, right, &[]))).is_none());
        assert!(
            ignored(&view(&with(Some("panel.quay-of-boats.com"), 443, own, "CN=R3", &["b.example"])))
                .is_none()
        );
    }

    #[test]
    fn subjects_without_a_name_and_ports_without_tls() {
        assert!(placeholder(&view(&with(None, 443, "C=US", "C=US", &[]))).is_some());
        assert!(placeholder(&view(&with(None, 443, "CN=box,C=US", "CN=box,C=US", &[]))).is_none());
        assert!(web_port(&view(&with(None, 80, "C=US", "C=US", &[]))).is_some());
        assert!(web_port(&view(&with(None, 443, "C=US", "C=US", &[]))).is_none());
    }

    #[test]
    fn certificates_made_the_day_before() {
        let made = |days: i64| {
            let mut cert = certificate("CN=a.example", "CN=R3", &["a.example"]);
            cert.not_before = cert.not_before - Duration::from_secs(days * 86_400);
            ledger([flow("203.0.113.71", 443).tls(Some("a.example"), Some(cert)).payload(900, 900).build()])
        };
        assert!(young(&view(&made(0))).is_some());
        assert!(young(&view(&made(9))).is_none());
    }

    #[test]
    fn versions_from_the_last_century() {
        let version = |version: &str| {
            ledger([flow("203.0.113.71", 443)
                .tls(None, None)
                .payload(900, 900)
                .edit(|flow| {
                    if let Some(tls) = &mut flow.tls {
                        tls.version = version.into();
                    }
                })
                .build()])
        };
        assert!(old(&view(&version("TLS1.0"))).is_some());
        assert!(old(&view(&version("TLS1.3"))).is_none());
    }
}
