//! What of a finding may be handed to a machine that blocks, and what never.
//!
//! An indicator is acted on by programs. So it must be the thief's alone: a name or an address that many share would
//! cut off the innocent. Out of a capture it cannot be seen who else lives at an address; therefore a name goes before
//! an address, and what is in doubt is reported as seen, not as to be blocked.

use super::plain;
use crate::detect::finding::{Finding, Level};
use std::net::IpAddr;

/// Roles below whose names anyone gets one of his own: such a name may be blocked, its address not.
const OWN_NAME_ROLES: [&str; 2] = ["dynamic-dns", "free-hosting"];
/// Signals that say a name is not that of the server: the client only claims it.
const CLAIMED: [&str; 4] =
    ["certificate-of-another", "false-host", "pretending-certificate", "unresolved-name"];
/// The signal of one request sent to many servers, of which some may be decoys.
const MANY: &str = "one-request-many-servers";
/// Applications whose servers are those of a mail provider or hoster: many have a mailbox there.
const MAIL: [&str; 3] = ["smtp", "imap", "pop3"];
/// Most bytes of a name (RFC 1035, 2.3.4) and of one of its labels.
const MAX_NAME: (usize, usize) = (253, 63);

/// What of a finding decides: so that findings read back from a report are judged as those just made.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject<'a> {
    /// How sure.
    pub level: Level,
    /// What the service spoke.
    pub app: &'a str,
    /// What is known of it.
    pub roles: &'a [String],
    /// Its names.
    pub names: &'a [String],
    /// Those of them that the capture confirms.
    pub confirmed: &'a [String],
    /// Its addresses.
    pub addrs: &'a [IpAddr],
    /// Signals and rules that speak for a thief.
    pub signals: Vec<&'a str>,
    /// The mailbox, bot or page that loot was left at.
    pub drop: Option<&'a str>,
    /// Where an upload went.
    pub destination: Option<&'a str>,
}

impl<'a> From<&'a Finding> for Subject<'a> {
    fn from(finding: &'a Finding) -> Self {
        let server = &finding.server;
        let signals = finding.terms.iter().filter(|term| term.weight > 0.0);
        Self {
            level: finding.level,
            app: &server.app,
            roles: &server.roles,
            names: &server.names,
            confirmed: &server.confirmed,
            addrs: &server.addrs,
            signals: signals.map(|term| term.signal.as_str()).collect(),
            drop: finding.loot.as_ref().and_then(|loot| loot.drop.as_deref()),
            destination: finding.upload.as_ref().and_then(|upload| upload.destination.as_deref()),
        }
    }
}

/// What may be blocked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Blockable<'a> {
    /// Names that are the thief's.
    pub names: Vec<&'a str>,
    /// Addresses that were reached without any name.
    pub addrs: Vec<IpAddr>,
    /// Mailboxes that take the loot.
    pub mailboxes: Vec<&'a str>,
    /// Why names or addresses are left out.
    pub withheld: Option<String>,
}

impl<'a> Blockable<'a> {
    /// Of a finding.
    pub fn of(finding: &'a Finding) -> Self {
        Self::judge(&Subject::from(finding))
    }

    /// Of what decides.
    pub fn judge(server: &Subject<'a>) -> Self {
        if server.level < plain::CERTAIN {
            return Self {
                withheld: Some(format!("level {} is below high", server.level.name())),
                ..Self::default()
            };
        }
        let mailboxes = mailboxes(server);
        if let Some(why) = server.shared() {
            return Self { mailboxes, withheld: Some(why), ..Self::default() };
        }
        let own = server.roles.iter().any(|role| OWN_NAME_ROLES.contains(&role.as_str()));
        // A tunnel goes below one name; the names above it may be anyone's.
        let above = |name: &str| {
            let below = |other: &String| other.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
            server.app == "dns" && server.names.iter().any(below)
        };
        let names = server.names.iter().map(String::as_str);
        // What only the client claims could be anyone's name.
        let sure = |name: &str| server.confirmed.iter().any(|own| own == name);
        let names: Vec<&str> =
            names.filter(|name| rentable(name, own) && !above(name) && sure(name)).collect();
        if !server.names.is_empty() {
            let why = if names.is_empty() && server.confirmed.is_empty() {
                "a name that the capture does not confirm"
            } else if names.is_empty() {
                "no name that is a host's own"
            } else {
                "addresses: reached by name, others may live there"
            };
            return Self { names, mailboxes, withheld: Some(why.to_owned()), ..Self::default() };
        }
        let addrs: Vec<IpAddr> = server.addrs.iter().copied().filter(|&addr| !inside(addr)).collect();
        let withheld = addrs.is_empty().then(|| "no address of the Internet".to_owned());
        Self { names, addrs, mailboxes, withheld }
    }

    /// Whether there is nothing to block.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.addrs.is_empty() && self.mailboxes.is_empty()
    }
}

impl Subject<'_> {
    /// Why the server is not the thief's alone, if it is not.
    pub fn shared(&self) -> Option<String> {
        if let Some(role) = self.roles.iter().find(|role| !OWN_NAME_ROLES.contains(&role.as_str())) {
            return Some(format!("a service of many ({role})"));
        }
        if MAIL.contains(&self.app) {
            return Some("a mail server, on which others have mailboxes".to_owned());
        }
        let says = |signals: &[&str]| self.signals.iter().any(|signal| signals.contains(signal));
        if !self.names.is_empty() && says(&CLAIMED) {
            return Some("a name that the server does not confirm".to_owned());
        }
        if says(&[MANY]) {
            return Some("one of many servers that got the same request; some may be decoys".to_owned());
        }
        (self.app == "dns" && self.names.is_empty()).then(|| "a resolver, which others use".to_owned())
    }
}

/// Why the server of a finding is not the thief's alone, if it is not.
pub fn shared(finding: &Finding) -> Option<String> {
    Subject::from(finding).shared()
}

/// Whether a text is the name of a host that one owner has: in form, and not a suffix under which names are given away.
pub fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_NAME.1
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= MAX_NAME.0
        && name.contains('.')
        && name.split('.').all(label)
        // The last label of a name is never a number (RFC 3696, 2), that of an address is.
        && name.rsplit('.').next().is_some_and(|top| top.bytes().any(|b| b.is_ascii_alphabetic()))
}

fn rentable(name: &str, below: bool) -> bool {
    let Some(domain) = is_name(name).then(|| psl::domain(name.as_bytes())).flatten() else { return false };
    // Below the name of a service that gives names away, not that name itself.
    !below || name.len() > domain.as_bytes().len() || domain.suffix().typ() == Some(psl::Type::Private)
}

fn mailboxes<'a>(server: &Subject<'a>) -> Vec<&'a str> {
    if !MAIL.contains(&server.app) {
        return Vec::new();
    }
    let all = server.drop.into_iter().chain(server.destination);
    let mut boxes: Vec<&str> = all.filter(|text| is_mailbox(text)).collect();
    boxes.dedup();
    boxes
}

/// Whether a text is one mailbox in the plain form `local@host`.
pub fn is_mailbox(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
    text.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && local.len() <= 64 && local.bytes().all(plain) && is_name(host)
    })
}

/// Whether an address is of use inside a network only, or belongs to many: never to be blocked.
pub fn inside(addr: IpAddr) -> bool {
    match addr.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // RFC 6598, and 240.0.0.0/4 with the broadcast.
            let carrier = a == 100 && (64..128).contains(&b);
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || carrier
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6.is_unique_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::finding;
    use super::*;
    use crate::detect::finding::{Level, Loot, Term};

    fn named(names: &[&str], roles: &[&str]) -> Finding {
        let mut finding = finding(Level::High, 30.0);
        finding.server.names = names.iter().map(|&name| name.to_owned()).collect();
        finding.server.confirmed.clone_from(&finding.server.names);
        finding.server.roles = roles.iter().map(|&role| role.to_owned()).collect();
        finding
    }

    #[test]
    fn a_name_goes_before_its_address() {
        let one = named(&["drop.example"], &[]);
        let blockable = Blockable::of(&one);
        assert_eq!((blockable.names, blockable.addrs.len()), (vec!["drop.example"], 0));
        let bare = named(&[], &[]);
        assert_eq!(Blockable::of(&bare).addrs, bare.server.addrs);
        let mut inner = named(&[], &[]);
        inner.server.addrs =
            ["10.0.0.1", "fe80::1", "::ffff:192.168.0.1", "224.0.0.5"].map(|a| a.parse().unwrap()).into();
        assert!(Blockable::of(&inner).is_empty());
    }

    #[test]
    fn a_name_that_is_only_claimed_is_not_handed_on() {
        let mut one = named(&["drop.example", "www.bank.example"], &[]);
        one.server.confirmed = vec!["drop.example".to_owned()];
        assert_eq!(Blockable::of(&one).names, ["drop.example"]);
        one.server.confirmed.clear();
        let blockable = Blockable::of(&one);
        assert!(blockable.is_empty() && blockable.withheld.is_some_and(|why| why.contains("confirm")));
    }

    #[test]
    fn what_many_share_is_never_blocked() {
        for role in [
            "messenger",
            "file-host",
            "dead-drop",
            "cloud-front",
            "mail-provider",
            "resolver",
            "claimed",
            "a-new-role",
        ] {
            assert!(Blockable::of(&named(&["api.chat.example"], &[role])).is_empty(), "{role}");
            assert!(Blockable::of(&named(&[], &[role])).is_empty(), "{role}");
            assert!(Blockable::of(&named(&["a.example"], &["dynamic-dns", role])).is_empty(), "{role}");
        }
        let mut low = named(&["drop.example"], &[]);
        low.level = Level::Medium;
        assert!(Blockable::of(&low).is_empty());
        for signal in ["false-host", "one-request-many-servers"] {
            let mut doubtful = named(&["drop.example"], &[]);
            doubtful.terms.push(Term {
                signal: signal.to_owned(),
                weight: 3.0,
                why: String::new(),
                frames: vec![],
                capture: 0,
            });
            assert!(Blockable::of(&doubtful).is_empty(), "{signal}");
        }
    }

    #[test]
    fn below_a_free_host_only_the_customer_is_blocked() {
        let one = named(
            &["evil.pages.dev", "pages.dev", "duckdns.org", "x.given.example", "given.example"],
            &["free-hosting"],
        );
        assert_eq!(Blockable::of(&one).names, ["evil.pages.dev", "x.given.example"]);
    }

    #[test]
    fn a_mail_server_is_not_blocked_but_the_mailbox_is() {
        let mut mail = named(&["mail.hoster.example"], &[]);
        mail.server.app = "smtp".to_owned();
        mail.loot = Some(Loot { drop: Some("box@drop.example".to_owned()), ..Loot::default() });
        let blockable = Blockable::of(&mail);
        assert_eq!(
            (blockable.mailboxes, blockable.names.len(), blockable.addrs.len()),
            (vec!["box@drop.example"], 0, 0)
        );
    }

    #[test]
    fn of_a_tunnel_only_the_lowest_name_is_blocked() {
        let mut tunnel = named(&["t.firm.example", "firm.example", "xfirm.example"], &[]);
        tunnel.server.app = "dns".to_owned();
        assert_eq!(Blockable::of(&tunnel).names, ["t.firm.example", "xfirm.example"]);
        tunnel.server.app = "http".to_owned();
        assert_eq!(Blockable::of(&tunnel).names.len(), 3);
    }

    #[test]
    fn hostile_names_are_no_names() {
        for name in [
            "com",
            "a b.example",
            "x'.example",
            "a..example",
            "=cmd.example",
            "192.0.2.1",
            "a.\u{202e}example",
            "",
            ".",
            "-a.example",
        ] {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&format!("{}.example", "a".repeat(64))) && is_name("xn--abc.example"));
        assert!(!is_mailbox("a' OR b@x.example") && !is_mailbox("@x.example") && is_mailbox("a.b@x.example"));
    }
}
