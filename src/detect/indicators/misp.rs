//! MISP events (MISP core format): the attributes that are meant for detection.

use super::Intake;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Types of attributes that records can show.
const KNOWN: [&str; 13] = [
    "ip-src",
    "ip-dst",
    "ip-src|port",
    "ip-dst|port",
    "domain",
    "hostname",
    "domain|ip",
    "hostname|port",
    "url",
    "ja3-fingerprint-md5",
    "ja4-fingerprint",
    "x509-fingerprint-sha1",
    "x509-fingerprint-sha256",
];

/// One event, or the attributes of several.
#[derive(Deserialize, Default)]
pub struct Event<'a> {
    #[serde(borrow, default, rename = "Attribute")]
    attributes: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "Object")]
    objects: Vec<Object<'a>>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default, rename = "Attribute")]
    attributes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Holder<'a> {
    #[serde(borrow, rename = "Event")]
    event: Event<'a>,
}

/// What a server answers to a search: events, or attributes.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    response: &'a RawValue,
}

#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(borrow, default)]
    uuid: Cow<'a, str>,
    #[serde(default)]
    to_ids: serde_json::Value,
    #[serde(default)]
    deleted: serde_json::Value,
}

/// The events of a text: one, a list of them, or the answer of a server. None where it is JSON of something else.
pub fn events(text: &str) -> Result<Vec<Event<'_>>, serde_json::Error> {
    let text = match serde_json::from_str::<Answer<'_>>(text) {
        _ if is_list(text) => text,
        Ok(answer) => answer.response.get(),
        Err(error) if error.is_data() => text,
        Err(error) => return Err(error),
    };
    if is_list(text) {
        let many: Vec<Holder<'_>> = serde_json::from_str(text)?;
        return Ok(many.into_iter().map(|one| one.event).collect());
    }
    if let Ok(one) = serde_json::from_str::<Holder<'_>>(text) {
        return Ok(vec![one.event]);
    }
    let bare: Event<'_> = serde_json::from_str(text)?;
    Ok(if bare.attributes.is_empty() && bare.objects.is_empty() { Vec::new() } else { vec![bare] })
}

/// Whether a text is a list: for serde a list could be an object as well, field by field.
fn is_list(text: &str) -> bool {
    text.trim_start().starts_with('[')
}

/// Reads attributes.
pub fn read(events: &[Event<'_>], intake: &mut Intake<'_>) {
    intake.loaded.form = "MISP";
    intake.file.word = "attribute ";
    for event in events {
        let inside = event.objects.iter().flat_map(|object| &object.attributes);
        for raw in event.attributes.iter().chain(inside) {
            if intake.full {
                return;
            }
            let Ok(attribute) = serde_json::from_str::<Attribute<'_>>(raw.get()) else { continue };
            take(&attribute, intake);
        }
    }
}

fn take(attribute: &Attribute<'_>, intake: &mut Intake<'_>) {
    let place = intake.identified(&attribute.uuid);
    let (kind, value) = (&*attribute.kind, &*attribute.value);
    if yes(&attribute.deleted) || !yes(&attribute.to_ids) || !KNOWN.contains(&kind) {
        return intake.pass();
    }
    match (kind, value.split_once('|')) {
        ("domain|ip", Some((name, addr))) => {
            intake.text(name, None, place);
            intake.text(addr, None, place);
        }
        (_, Some((host, port))) if kind.ends_with("|port") => {
            intake.text(host, port.trim().parse().ok(), place);
        }
        _ => intake.text(value, None, place),
    }
}

/// Whether a flag is set: MISP writes `true`, `1` and `"1"`.
fn yes(flag: &serde_json::Value) -> bool {
    match flag {
        serde_json::Value::Bool(set) => *set,
        serde_json::Value::Number(number) => number.as_u64() == Some(1),
        serde_json::Value::String(text) => matches!(text.as_str(), "1" | "true"),
        _ => false,
    }
}
