//! `verify --update`: what is found goes into the manifests, and what changes is shown.
//!
//! A manifest is changed in its lines, not written anew: remarks and the order of keys stay as people put them. What
//! comes of it is read again before it is written.

use super::manifest::{self, Case, Expect, Expected, Placed, header};
use super::outcome::Outcome;
use super::{ALARM, Found, usage};
use crate::cli::scan::{Detection, Means};
use crate::cli::{Failure, Status, say};
use crate::detect::finding::Finding;
use crate::pipeline;
use crate::report::Safe;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

/// Lines of a manifest shown around a change.
const AROUND: usize = 2;

/// Writes what is found into the manifests, of the cases where something is given.
pub fn rewrite(cases: &[Placed], found: &[Option<Found>], out: &mut dyn Write) -> Result<Status, Failure> {
    let mut status = Status::Clean;
    let mut changes: BTreeMap<&Path, Vec<(&Placed, &Found)>> = BTreeMap::new();
    for (placed, found) in cases.iter().zip(found) {
        let Some(found) = found else { continue };
        if found.problems.is_empty() {
            changes.entry(&placed.file).or_default().push((placed, found));
        } else {
            // What could not be read says nothing about what is in it.
            say(format_args!("{}: not updated: its capture is not whole", Safe(&placed.case.name)));
            status = Status::Found;
        }
    }
    for (file, changed) in changes {
        let old = std::fs::read_to_string(file).map_err(|error| usage(file, &error))?;
        let count = changed.len() as u64;
        let new = changed_text(&old, &changed).ok_or_else(|| {
            usage(file, &"its form is not one that can be updated: write `expect` as `[[expect]]` tables")
        })?;
        std::fs::write(file, &new).map_err(|error| usage(file, &error))?;
        show(file, &old, &new, out)?;
        writeln!(out, "updated {} in {}", crate::cli::count(count, "case"), Safe(&file.to_string_lossy()))?;
    }
    Ok(status)
}

/// Writes a manifest of the captures below its folder.
pub fn make(path: &Path, means: &Means, detection: &Detection) -> Result<Status, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let captures = pipeline::captures(folder);
    if captures.is_empty() {
        return Err(usage(folder, &"no capture in it to make a manifest of"));
    }
    let all: Vec<Found> = captures.par_iter().map(|capture| Found::of(capture, means, detection)).collect();
    let mut text = "# What is found in the captures of this folder, to be reviewed: `exfilscan verify` compares with it.\n".to_owned();
    let mut status = Status::Clean;
    for (capture, found) in captures.iter().zip(&all) {
        if let Some(problem) = found.problems.first() {
            say(format_args!("{}", Safe(problem)));
            status = Status::Incomplete;
        }
        let inside = capture.strip_prefix(folder).unwrap_or(capture);
        let name = inside.to_string_lossy();
        let _ = write!(text, "\n[[case]]\nname = {}\ncapture = {}\n", quoted(&name), quoted(&name));
        let worth: Vec<&Finding> = found.findings.iter().filter(|finding| finding.level >= ALARM).collect();
        text.push_str(&expectation(&worth, true));
    }
    std::fs::write(path, &text).map_err(|error| usage(path, &error))?;
    show(path, "", &text, &mut std::io::stdout().lock())?;
    Ok(status)
}

/// The text with new expectations; none where its form is not understood.
fn changed_text(old: &str, changed: &[(&Placed, &Found)]) -> Option<String> {
    let lines: Vec<&str> = old.lines().collect();
    let mut starts = manifest::sections(old);
    let many = lines.get(*starts.first()?).and_then(|line| header(line)) == Some("[[case]]");
    starts.push(lines.len());
    let mut text: String = lines.get(..*starts.first()?)?.iter().flat_map(|line| [*line, "\n"]).collect();
    for (number, section) in starts.windows(2).enumerate() {
        let [from, to] = section else { return None };
        let own = lines.get(*from..*to)?;
        match changed.iter().find(|(placed, _)| placed.number == number) {
            Some((placed, found)) => text.push_str(&changed_section(own, &placed.case, found, many)?),
            None => text.extend(own.iter().flat_map(|line| [*line, "\n"])),
        }
    }
    // What is written must say what was meant.
    let cases = manifest::parse(&text).ok()?;
    let good = changed.iter().all(|(placed, found)| {
        cases.get(placed.number).is_some_and(|case| matches!(super::judge(case, found), Outcome::Passed))
    });
    good.then_some(text)
}

/// The lines of one case with a new expectation.
fn changed_section(lines: &[&str], case: &Case, found: &Found, many: bool) -> Option<String> {
    let expect = if many { "[[case.expect]]" } else { "[[expect]]" };
    let met = case.known_miss.is_some() && super::check(case, found).is_empty();
    let mut kept: Vec<&str> = Vec::new();
    let mut rest = lines.iter().peekable();
    let mut table = 0;
    while let Some(line) = rest.next() {
        if let Some(head) = header(line) {
            table += usize::from(head != "[[case]]");
            if head == expect && !met {
                while rest.next_if(|line| header(line).is_none()).is_some() {}
                continue;
            }
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        if table == 0 && key == "known_miss" {
            continue;
        }
        if table == 0 && key == "expect" && !met {
            let mut depth = brackets(line)?;
            while depth > 0 {
                depth += brackets(rest.next()?)?;
            }
            continue;
        }
        kept.push(line);
    }
    while kept.last().is_some_and(|line| line.trim().is_empty()) {
        kept.pop();
    }
    let mut text: String = kept.iter().flat_map(|line| [*line, "\n"]).collect();
    if !met {
        text.push_str(&expectation(&wanted(case, found), many));
    }
    if many && lines.last().is_some_and(|line| line.trim().is_empty()) {
        text.push('\n');
    }
    Some(text)
}

/// How far a line opens lists; none where a text in it has brackets.
fn brackets(line: &str) -> Option<i32> {
    let inside = line.split('"').skip(1).step_by(2).any(|text| text.contains(['[', ']']));
    let count = |bracket: char| line.matches(bracket).count() as i32;
    (!inside).then(|| count('[') - count(']'))
}

/// The findings that the case is to expect from now on: all that alarm, and those below that it expected before.
fn wanted<'a>(case: &Case, found: &'a Found) -> Vec<&'a Finding> {
    let before: &[Expected] = match &case.expect {
        Expect::None(_) => &[],
        Expect::Findings(list) => list,
    };
    let expected = |finding: &Finding| before.iter().any(|want| want.names(finding));
    let take = |finding: &&Finding| expected(finding) || finding.level >= ALARM && !case.others;
    found.findings.iter().filter(take).collect()
}

fn expectation(findings: &[&Finding], many: bool) -> String {
    if findings.is_empty() {
        return "expect = \"none\"\n".to_owned();
    }
    let head = if many { "[[case.expect]]" } else { "[[expect]]" };
    let mut text = String::new();
    for finding in findings {
        let server = finding.server.names.first().cloned();
        let server = server.or_else(|| finding.server.addrs.first().map(ToString::to_string));
        let kinds: Vec<String> =
            finding.kinds.iter().map(|kind| serde_json::json!(kind).to_string()).collect();
        let _ = write!(text, "\n{head}\nserver = {}\n", quoted(&server.unwrap_or_default()));
        let _ = writeln!(text, "victim = \"{}\"", finding.victim.addr);
        if let Some(family) = &finding.family {
            let _ = writeln!(text, "family = {}", quoted(&family.name));
        }
        let _ = writeln!(text, "kinds = [{}]\nlevel = \"{}\"", kinds.join(", "), finding.level.name());
    }
    text
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Prints what changes, as `diff -u` does.
fn show(file: &Path, old: &str, new: &str, out: &mut dyn Write) -> std::io::Result<()> {
    let name = file.to_string_lossy();
    writeln!(out, "--- {}\n+++ {}", Safe(&name), Safe(&name))?;
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            (a, b) = (a + 1, b + 1);
            continue;
        }
        let (to_a, to_b) = meet(&old, &new, a, b);
        let before = a.saturating_sub(AROUND);
        writeln!(out, "@@ -{} +{} @@", before + 1, b.saturating_sub(AROUND) + 1)?;
        old[before..a].iter().try_for_each(|line| writeln!(out, " {}", Safe(line)))?;
        old[a..to_a].iter().try_for_each(|line| writeln!(out, "-{}", Safe(line)))?;
        new[b..to_b].iter().try_for_each(|line| writeln!(out, "+{}", Safe(line)))?;
        old[to_a..].iter().take(AROUND).try_for_each(|line| writeln!(out, " {}", Safe(line)))?;
        (a, b) = (to_a, to_b);
    }
    Ok(())
}

/// The next place where both go on alike for some lines, or their ends.
fn meet(old: &[&str], new: &[&str], a: usize, b: usize) -> (usize, usize) {
    const ALIKE: usize = 3;
    let alike = |a: usize, b: usize| {
        let mut pairs = old[a..].iter().zip(&new[b..]).take(ALIKE);
        let rest = (old.len() - a).min(new.len() - b).min(ALIKE);
        rest > 0 && (rest == ALIKE || old.len() - a == new.len() - b) && pairs.all(|(a, b)| a == b)
    };
    for away in 1..=(old.len() - a) + (new.len() - b) {
        for down in 0..=away.min(old.len() - a) {
            let right = away - down;
            if b + right <= new.len()
                && a + down < old.len()
                && b + right < new.len()
                && alike(a + down, b + right)
            {
                return (a + down, b + right);
            }
        }
    }
    (old.len(), new.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        let mut out = Vec::new();
        show(Path::new("x"), old, new, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_diff_shows_what_went_and_what_came() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        assert_eq!(diff(old, "a\nb\nc\nX\ne\nf\ng\n"), "--- x\n+++ x\n@@ -2 +2 @@\n b\n c\n-d\n+X\n e\n f\n");
        assert_eq!(diff(old, old), "--- x\n+++ x\n");
        assert!(diff("", "a\n").ends_with("+a\n"));
        assert!(diff("a\n", "").ends_with("-a\n"));
    }

    #[test]
    fn lists_over_lines_are_counted_to_their_end() {
        assert_eq!(brackets("expect = ["), Some(1));
        assert_eq!(brackets("  { kinds = [\"c2\"] },"), Some(0));
        assert_eq!(brackets("x = \"[\""), None);
    }
}
