//! One entry a line, as people keep them: remarks, defanged forms, hosts files and bullets are understood.

use super::Intake;

/// Addresses that hosts files give to names they block.
const SINKS: [&str; 4] = ["0.0.0.0", "127.0.0.1", "::", "::1"];

/// Reads lines.
pub fn read(text: &str, intake: &mut Intake<'_>) {
    intake.loaded.form = "lines";
    for (number, line) in (1_u32..).zip(text.lines()) {
        if intake.full {
            return;
        }
        let mut words = entry(line).split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        if SINKS.contains(&first) {
            let mut some = false;
            for name in words {
                some = true;
                intake.text(name, None, number);
            }
            if !some {
                intake.text(first, None, number);
            }
        } else {
            intake.text(first.trim_end_matches([',', ';']).trim_matches(['"', '\'', '`']), None, number);
        }
    }
}

/// A line without bullet and remark.
fn entry(line: &str) -> &str {
    let line = line.trim();
    if is_remark(line) {
        return "";
    }
    let line = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).unwrap_or(line);
    let cut = memchr::memchr_iter(b'#', line.as_bytes())
        .find(|&at| at == 0 || line.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace));
    cut.and_then(|at| line.get(..at)).unwrap_or(line)
}

/// Whether a whole line is a remark.
pub fn is_remark(line: &str) -> bool {
    line.starts_with(['#', ';', '!']) || line.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bullets_and_remarks_are_no_part_of_an_entry() {
        for (line, own) in [
            ("  - drop.example  # seen", "drop.example  "),
            ("# x", ""),
            ("// x", ""),
            ("; x", ""),
            ("http://drop.example/#x", "http://drop.example/#x"),
            ("", ""),
        ] {
            assert_eq!(entry(line), own, "{line}");
        }
    }
}
