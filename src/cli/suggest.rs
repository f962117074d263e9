//! What was meant, where a name is misspelt.

/// Likeness (Jaro-Winkler, 0 to 1) from which a name is offered.
const LIKE: f64 = 0.8;
/// Names offered.
const OFFERED: usize = 3;

/// The names most like one, the likest first.
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut all: Vec<(f64, &str)> = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), known))
        .filter(|(like, _)| *like >= LIKE)
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    all.dedup_by_key(|(_, known)| *known);
    all.into_iter().take(OFFERED).map(|(_, known)| known).collect()
}

/// `; did you mean A or B?`, or nothing.
pub fn offer<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match near(name, known).as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// What was meant by a key or word that an error of a reader names, with those there are: ``unknown field `x`, expected
/// one of `a`, `b` ``.
pub fn in_message(message: &str) -> Option<String> {
    let at = ["unknown field `", "unknown variant `"].into_iter().find_map(|head| message.find(head))?;
    let mut quoted = message.get(at..)?.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let known: Vec<&str> = quoted.collect();
    near(wrong, known).first().map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_comes_first_and_the_strange_is_not_offered() {
        let known = ["fail-on", "format", "level"];
        assert_eq!(near("fial-on", known), ["fail-on"]);
        assert_eq!(near("FORMT", known), ["format"]);
        assert!(near("zzz", known).is_empty());
        assert_eq!(offer("leve", known), "; did you mean level?");
        assert_eq!(offer("zzz", known), "");
    }

    #[test]
    fn the_errors_of_readers_are_understood() {
        let error = toml::from_str::<crate::cli::config::Config>("fial-on = 'medium'").expect_err("wrong");
        assert_eq!(in_message(&error.to_string()).as_deref(), Some("did you mean `fail-on`?"));
        assert_eq!(in_message("invalid type: integer"), None);
        assert_eq!(in_message("unknown field `"), None);
    }
}
