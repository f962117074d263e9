//! What every page has: the policy, the style sheet, the one script, the link past the head.
//!
//! The policy names the digests of style sheet and script, which are part of the program: nothing else runs, loads or
//! styles, so that what an escaping might miss stays text.

use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A page with this title, beginning and content; `script` says whether it has anything for the script to do.
pub fn frame(title: &str, script: bool, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(script));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(concat!("exfilscan ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header { (head) }
                main id="main" tabindex="-1" { (body) }
                @if script { script { (PreEscaped(SCRIPT)) } }
            }
        }
    }
}

/// Nothing may be loaded; only this style sheet and, where there is one, this script count.
fn policy(script: bool) -> String {
    let digest =
        |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
    let run = if script { format!("script-src 'sha256-{}'; ", digest(SCRIPT)) } else { String::new() };
    format!(
        "default-src 'none'; {run}style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE)
    )
}
