//! Mail that a workstation sends without a mail program.

use super::inventory::holds;
use super::{Needs, Signal, View, count, size};
use crate::detect::evidence::Statement;
use crate::detect::finding::{Kind, Loot, Upload};
use crate::record::{Flow, Mail, Smtp};
use std::collections::BTreeMap;

pub(super) const SIGNALS: &[Signal] = &[
    Signal { name: "mail-without-program", needs: Needs::SMTP, look: without_program },
    Signal { name: "mail-to-self", needs: Needs::SMTP, look: to_self },
    Signal { name: "mail-names-host", needs: Needs::SMTP, look: names_host },
    Signal { name: "mail-greeting", needs: Needs::SMTP, look: greeting },
    Signal { name: "mail-in-tls", needs: Needs::TLS, look: in_tls },
];

type Sent<'a> = (usize, &'a Flow, &'a Smtp, &'a Mail);

/// Mails that the client submitted after a login. A relay between servers logs in nowhere.
fn mails<'a>(view: &View<'a>) -> impl Iterator<Item = Sent<'a>> + use<'a> {
    view.flows().filter_map(|(index, flow)| Some((index, flow, flow.smtp.as_deref()?))).flat_map(
        |(index, flow, smtp)| {
            let submitted = smtp.auth.is_some() || smtp.authenticated;
            smtp.mails.iter().filter(move |_| submitted).map(move |mail| (index, flow, smtp, mail))
        },
    )
}

fn cite(statement: Statement, (index, flow, _, mail): &Sent<'_>) -> Statement {
    statement.at(*index, flow, mail.frames.0, mail.time)
}

fn upload(mail: &Mail) -> Upload {
    let encoding = super::loot::encoding(&mail.body);
    Upload { bytes: mail.body.bytes, requests: 1, encoding, destination: mail.to.first().cloned() }
}

/// Neither a message id nor the name of a program: whoever wrote this used a bare library.
fn without_program(view: &View<'_>) -> Option<Statement> {
    let bare = |mail: &Mail| {
        let has = |name: &str| mail.headers.iter().any(|own| own.eq_ignore_ascii_case(name));
        !mail.headers.is_empty() && mail.mailer.is_none() && !has("Message-ID")
    };
    let found: Vec<_> = mails(view).filter(|(.., mail)| bare(mail)).collect();
    let first = found.first()?;
    let why = format!("{} submitted without a message id or a program's name", count(found.len(), "mail"));
    let mut statement = found.iter().fold(view.say(1.0, why), cite);
    statement.upload = Some(upload(first.3));
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// A mailbox that writes to itself, or to a collecting box beside it.
fn to_self(view: &View<'_>) -> Option<Statement> {
    let own = |mail: &Mail| {
        let from = mail.from.as_deref().map(str::to_lowercase)?;
        let domain = from.rsplit_once('@')?.1.to_owned();
        mail.to.iter().map(|to| to.to_lowercase()).find_map(|to| {
            let (user, at) = to.rsplit_once('@')?;
            let collects = ["log", "result", "collect", "report", "drop", "recv", "receive"];
            if to == from {
                Some(1.0)
            } else {
                (at == domain && collects.iter().any(|word| user.contains(word))).then_some(0.8)
            }
        })
    };
    let found: Vec<_> = mails(view).filter_map(|sent| Some((own(sent.3)?, sent))).collect();
    let strength = found.iter().map(|(strength, _)| *strength).fold(0.0, f64::max);
    let (_, first) = found.first()?;
    let box_ = first.3.to.first().cloned().unwrap_or_default();
    let why = format!("{} from a mailbox to itself or one beside it: {box_}", count(found.len(), "mail"));
    let mut statement = found.iter().fold(view.say(strength, why), |said, (_, sent)| cite(said, sent));
    statement.upload = Some(upload(first.3));
    statement.loot = Some(Loot { categories: BTreeMap::new(), names: Vec::new(), drop: Some(box_) });
    Some(statement)
}

/// Subject or attachment names the machine or its user, as reports of spies do.
fn names_host(view: &View<'_>) -> Option<Statement> {
    let mut best: Option<(f64, String, Sent<'_>)> = None;
    for sent in mails(view) {
        let (_, _, smtp, mail) = sent;
        let mut own: Vec<String> = Vec::new();
        own.extend(smtp.ehlo.clone().filter(|name| !name.contains('.') && !name.starts_with('[')));
        if let Some(known) = &view.host.known {
            own.extend(known.names.iter().chain(&known.users).map(|named| named.value.to_string()));
        }
        let own: Vec<String> =
            own.into_iter().map(|name| name.to_lowercase()).filter(|name| name.len() >= 3).collect();
        let subject = mail.subject.clone().unwrap_or_default().to_lowercase();
        let files: Vec<String> = mail
            .body
            .parts
            .iter()
            .filter_map(|part| part.body.file_name.clone())
            .map(|n| n.to_lowercase())
            .collect();
        let texts = || std::iter::once(&subject).chain(&files);
        let named = own
            .iter()
            .any(|name| texts().any(|text| holds(&text.replace('_', " "), name) || holds(text, name)));
        let found = if named {
            Some((1.0, "the machine's or user's name in subject or attachment"))
        } else if tagged(&subject) || files.iter().any(|file| tagged(file) || dated(file)) {
            Some((0.8, "a subject or attachment of the form TAG_user/HOST"))
        } else if telling(&subject) {
            Some((0.7, "a subject that speaks of passwords, logs or keystrokes"))
        } else {
            None
        };
        if let Some((strength, what)) = found
            && best.as_ref().is_none_or(|(old, ..)| strength > *old)
        {
            best = Some((strength, what.to_owned(), sent));
        }
    }
    let (strength, why, sent) = best?;
    let mut statement = cite(view.say(strength, why), &sent);
    statement.upload = Some(upload(sent.3));
    statement.kinds.push(Kind::Exfiltration);
    Some(statement)
}

/// `XX_user/HOST` and the like.
pub(super) fn tagged(text: &str) -> bool {
    let (Some(tag), Some(rest)) = (text.split('_').next(), text.split_once('_').map(|(_, rest)| rest)) else {
        return false;
    };
    tag.len() == 2
        && tag.bytes().all(|b| b.is_ascii_alphabetic())
        && rest.contains(['/', '\\', '-'])
        && !rest.contains(' ')
}

/// A name that ends in a date and time to the second: `..._2026_03_02_09_01_00.ext`.
pub(super) fn dated(text: &str) -> bool {
    let stem = text.rsplit_once('.').map_or(text, |(stem, _)| stem);
    let numbers = stem.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let tail: Vec<usize> = numbers.map(str::len).collect();
    let dated = |run: &[usize]| run[0] == 4 && run[1..].iter().all(|&n| n == 2);
    tail.len() >= 6 && (dated(&tail[tail.len() - 6..]))
}

fn telling(subject: &str) -> bool {
    let words: Vec<&str> = subject.split(|c: char| !c.is_alphanumeric()).collect();
    let any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    any(&["keylogger", "keystrokes", "recovered", "stealer", "pswd", "passwords", "clipboard"])
        || subject.contains(" | ") && any(&["logs", "screenshot", "password", "cookies"])
}

/// The client greets with the bare name of a workstation.
fn greeting(view: &View<'_>) -> Option<Statement> {
    let (index, flow, smtp) = view.flows().find_map(|(index, flow)| {
        let smtp = flow.smtp.as_deref()?;
        let name = smtp.ehlo.as_deref()?;
        let bare = !name.contains('.') && !name.starts_with('[') && !name.eq_ignore_ascii_case("localhost");
        (bare && !name.is_empty()).then_some((index, flow, smtp))
    })?;
    let why = format!("greets as {}, a bare machine name", smtp.ehlo.as_deref().unwrap_or(""));
    Some(view.say(1.0, why).at(index, flow, flow.frames.first, flow.start))
}

/// A submission that goes on in TLS, with more up than down: what a mail with loot looks like from outside.
fn in_tls(view: &View<'_>) -> Option<Statement> {
    let port = |port: u16| matches!(port, 25 | 465 | 587 | 2525);
    if !view.channel.service.ports.iter().any(|&own| port(own)) {
        return None;
    }
    let (index, flow) = view.flows().find(|(_, flow)| {
        let (up, down) = (flow.payload.to_server, flow.payload.to_client);
        port(flow.server.port) && flow.tls.is_some() && up >= 1_500 && up.saturating_mul(2) >= down
    })?;
    let why = format!(
        "mail in TLS, {} up against {} down",
        size(flow.payload.to_server),
        size(flow.payload.to_client)
    );
    let mut statement = view.say(1.0, why).flow(index, flow);
    let bytes = flow.payload.to_server;
    statement.upload =
        Some(Upload { bytes, requests: 1, encoding: Some("tls".to_owned()), destination: None });
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{body, flow, ledger, mail, view};

    fn letter(from: &str, to: &str, subject: &str, headers: &[&str]) -> Mail {
        Mail {
            from: Some(from.into()),
            to: vec![to.into()],
            subject: Some(subject.into()),
            headers: headers.iter().map(|&name| name.to_owned()).collect(),
            body: body(1200),
            ..Mail::default()
        }
    }

    #[test]
    fn a_spys_report_and_a_persons_letter() {
        let spy =
            letter("office@a.example", "office@a.example", "PW_erika/EXAMPLE-PC", &["From", "To", "Subject"]);
        let spied =
            ledger([flow("203.0.113.4", 587).smtp(mail("EXAMPLE-PC", spy)).payload(3000, 500).build()]);
        for look in [without_program, to_self, names_host, greeting] {
            assert!(look(&view(&spied)).is_some());
        }
        let person =
            letter("erika@a.example", "max@b.example", "Pictures of the holiday", &["Message-ID", "From"]);
        let sent =
            ledger([flow("203.0.113.4", 587).smtp(mail("[192.0.2.10]", person)).payload(3000, 500).build()]);
        for look in [without_program, to_self, names_host, greeting] {
            assert!(look(&view(&sent)).is_none());
        }
    }

    #[test]
    fn names_with_a_moment() {
        assert!(dated("sc_erika-pc_2026_03_02_09_01_00.jpeg"));
        assert!(!dated("invoice_2026_03_02.pdf"));
        assert!(tagged("pw_erika/example-pc") && !tagged("re_your mail/of monday"));
    }

    #[test]
    fn a_mail_seen_from_outside() {
        let sent = |up, down| ledger([flow("203.0.113.4", 587).tls(None, None).payload(up, down).build()]);
        assert!(in_tls(&view(&sent(9000, 5000))).is_some());
        assert!(in_tls(&view(&sent(900, 90_000))).is_none());
    }
}
