//! Keeps names from the wire from steering a terminal: control and direction characters are shown, not obeyed.

use std::fmt::{self, Write as _};

/// Displays text from a capture with everything that could steer a terminal escaped as `\u{..}`.
#[derive(Debug, Clone, Copy)]
pub struct Safe<'a>(pub &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|c| if steers(c) { write!(f, "{}", c.escape_unicode()) } else { f.write_char(c) })
    }
}

/// Control characters, and the characters that turn, hide or join text (Unicode TR 36, bidirectional and invisible).
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown() {
        assert_eq!(Safe("a\u{1b}[31mb\u{202e}c\nd").to_string(), "a\\u{1b}[31mb\\u{202e}c\\u{a}d");
        assert_eq!(Safe("Zürich ✓").to_string(), "Zürich ✓");
    }
}
