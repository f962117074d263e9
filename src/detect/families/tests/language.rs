//! The language: what it refuses, and what its words mean.

use super::build::*;
use crate::detect::families::{evaluate, parse};
use crate::record::{Flow, Shape};

const HEAD: &str = r#"
family = "Testbot"
source = "invented"
[[rule]]
id = "test"
confidence = "high"
weight = 30
kinds = ["c2"]
about = "a test"
not_proof = "a test"
"#;

fn rule(steps: &str) -> String {
    format!("{HEAD}{steps}")
}

#[track_caller]
fn refuses(text: &str, saying: &str) {
    let error = parse(text, "test.toml").expect_err("refused").to_string();
    assert!(error.contains(saying) && error.contains("test.toml"), "{error}");
}

#[test]
fn refuses_what_it_does_not_know() {
    let step = "[[rule.step]]\nname = \"a\"\n";
    refuses("", "no [[rule]]");
    refuses("x = [", "test.toml");
    refuses(&format!("colour = 1\n{}", rule(step)), "unknown key `colour`");
    refuses(&rule(&format!("{step}http = {{ methods = \"GET\" }}")), "rule `test`: ");
    refuses(&rule(&format!("{step}http = {{ path = '(' }}")), "unclosed group");
    refuses(&rule(&format!("{step}raw = {{ client = 'xyz' }}")), "not whole bytes");
    refuses(&rule(&format!("{step}raw = {{ client = 'xy' }}")), "not hexadecimal");
    refuses(&rule(&format!("{step}http = {{ sent = '9-3' }}")), "not a range");
    refuses(&rule(&format!("{step}http = {{ }}")), "`step.http` is empty");
    refuses(&rule(&format!("{step}http = {{ method = [] }}")), "is empty");
    refuses(&rule(&format!("{step}http = {{ request = {{ shape = 'round' }} }}")), "round");
    refuses(&rule(step), "looks at nothing");
    refuses(&rule(&format!("{step}flow = {{ ports = 80 }}")), "may only support");
    refuses(
        &rule(&format!("{step}http = {{ method = 'GET' }}\ntls = {{ sni = 'a' }}")),
        "one look is at one",
    );
    refuses(&rule(&format!("{step}none = true\nhttp = {{ method = 'GET' }}")), "first step must be required");
    refuses(&rule(&format!("{step}on = 'host'\nhttp = {{ method = 'GET' }}")), "first step must be required");
    refuses(&rule(&format!("{step}at_least = 0\nhttp = {{ method = 'GET' }}")), "counts from 1");
    let good = format!("{step}http = {{ method = 'GET' }}\n");
    refuses(&rule(&format!("{good}{good}")), "names are unique");
    let second = "[[rule.step]]\nname = \"b\"\nhttp = { method = 'GET' }\n";
    refuses(&rule(&format!("{good}{second}after = 'c'\n")), "names an earlier");
    refuses(&rule(&format!("{good}{second}within_s = 0.0\n")), "above 0");
    refuses(&rule(&format!("{good}{second}adds = 2.0\n")), "from 0 to 1");
    refuses(&rule(&good).replace("weight = 30", "weight = 20"), "confidence high goes with");
    refuses(&rule(&good).replace("weight = 30", "weight = nan"), "confidence high goes with");
    refuses(&rule(&good).replace("\"c2\"", "\"theft\""), "theft");
    refuses(&rule(&good).replace("id = \"test\"", "id = \"Test\""), "lower-case");
    refuses(&rule(&good).replace("\"high\"", "\"sure\""), "sure");
    refuses(&rule(&good).replace("not_proof = \"a test\"", "not_proof = \" \""), "`not_proof` is empty");
    refuses(&rule(&good).replace("not_proof = \"a test\"\n", ""), "not_proof");
    refuses(&rule(&good).replace("family = \"Testbot\"", ""), "no family");
    refuses(&rule(&good).replace("about =", "attack = [\"T10\"]\nabout ="), "no ATT&CK technique");
    refuses(&rule(&good).replace("about =", "software = \"T1041\"\nabout ="), "no ATT&CK software");
    refuses(
        &format!("{}{}", rule(&good), rule(&good).replace("family = \"Testbot\"\nsource = \"invented\"", "")),
        "used twice",
    );
    assert_eq!(parse(&rule(&good), "test.toml").expect("good").len(), 1);
}

fn strength(steps: &str, flows: Vec<Flow>) -> Option<f64> {
    let rules = parse(&rule(steps), "test.toml").expect("a good rule");
    let said = evaluate(&ledger(flows), &rules);
    said.first().map(|statement| statement.strength)
}

fn get(path: &str, second: i64) -> Flow {
    http("203.0.113.9:80", second, [request(&format!("GET {path}"), "Host: a.example")])
}

#[test]
fn counts_orders_and_times_steps() {
    let steps = |rest: &str| {
        format!(
            "[[rule.step]]\nname = 'a'\nhttp = {{ path = '^/a$' }}\n[[rule.step]]\nname = 'b'\nhttp = {{ path = '^/b$' }}\n{rest}"
        )
    };
    let both = || vec![get("/a", 10), get("/b", 20), get("/b", 40)];
    assert_eq!(strength(&steps(""), both()), Some(1.0));
    assert_eq!(strength(&steps("at_least = 2"), both()), Some(1.0));
    assert_eq!(strength(&steps("at_least = 3"), both()), None);
    assert_eq!(strength(&steps("after = 'a'"), both()), Some(1.0));
    assert_eq!(strength(&steps("after = 'a'"), vec![get("/b", 1), get("/a", 10)]), None);
    assert_eq!(strength(&steps("after = 'a'\nwithin_s = 15\nat_least = 2"), both()), None);
    assert_eq!(strength(&steps("within_s = 15"), vec![get("/b", 1), get("/a", 10)]), Some(1.0));
    assert_eq!(strength(&steps("none = true"), both()), None);
    assert_eq!(strength(&steps("none = true"), vec![get("/a", 1)]), Some(1.0));
    assert_eq!(strength(&steps("adds = 0.5"), vec![get("/a", 1)]), Some(1.0));
    let beat: Vec<Flow> = (0..6).map(|n| get("/a", n * 60)).collect();
    let period =
        |range: &str| format!("[[rule.step]]\nname = 'a'\nperiod_s = '{range}'\nhttp = {{ path = '^/a$' }}");
    assert_eq!(strength(&period("55-65"), beat.clone()), Some(1.0));
    assert_eq!(strength(&period("5-50"), beat), None);
}

#[test]
fn support_raises_the_strength() {
    let text = rule(
        "[[rule.step]]\nname = 'a'\nhttp = { path = '^/a$' }\n[[rule.step]]\nname = 'b'\nadds = 0.25\nflow = { ports = 80 }",
    );
    let rules = parse(&text.replace("weight = 30", "weight = 30\nalone = 0.5"), "t").expect("good");
    let said = evaluate(&ledger(vec![get("/a", 1)]), &rules);
    assert_eq!(said.first().map(|s| s.strength), Some(0.75));
}

#[test]
fn looks_at_the_host_and_groups() {
    let on = |server: &str, name: &str, path: &str, second| {
        http(server, second, [request(&format!("GET {path}"), &format!("Host: {name}"))])
    };
    let steps = "[[rule.step]]\nname = 'a'\nhttp = { path = '^/x' }\n[[rule.step]]\nname = 'b'\non = 'host'\nat_least = 3\nsame = 'path'\ndistinct = 'host'\nhttp = { method = 'GET' }";
    let flows = |paths: [&str; 3]| {
        vec![
            on("203.0.113.1:80", "a.example", paths[0], 1),
            on("203.0.113.2:80", "b.example", paths[1], 2),
            on("203.0.113.3:80", "c.example", paths[2], 3),
        ]
    };
    assert_eq!(strength(steps, flows(["/x/", "/x/", "/x/"])), Some(1.0));
    assert_eq!(strength(steps, flows(["/x/", "/x/", "/y/"])), None);
}

#[test]
fn the_sentence_has_figures_and_the_upload_is_counted() {
    let steps =
        "[[rule.step]]\nname = 'loot'\nupload = true\ntakes = ['passwords']\nhttp = { method = 'POST' }";
    let post = request("POST /in", "Host: a.example").with(bytes(5000, Shape::Binary, b""));
    let flows = vec![http("203.0.113.1:80", 1, [post.clone(), post])];
    let rules = parse(&rule(steps), "t").expect("good");
    let said = evaluate(&ledger(flows), &rules);
    let statement = said.first().expect("a statement");
    assert_eq!(statement.why, "a test: loot 2 × POST a.example/in, 10000 bytes up");
    assert_eq!(statement.frames, [11, 12]);
    let upload = statement.upload.as_ref().expect("an upload");
    assert_eq!((upload.bytes, upload.requests, upload.destination.as_deref()), (10_000, 2, Some("/in")));
    assert_eq!(statement.loot.as_ref().and_then(|l| l.categories.get("passwords")), Some(&2));
}

#[test]
fn of_one_family_the_strongest_speaks() {
    let text = format!(
        "{}\n[[rule]]\nid = 'weak'\nconfidence = 'low'\nweight = 5\nkinds = ['c2']\nabout = 'w'\nnot_proof = 'w'\n[[rule.step]]\nname = 'a'\nhttp = {{ method = 'GET' }}",
        rule("[[rule.step]]\nname = 'a'\nhttp = { path = '^/a$' }")
    );
    let rules = parse(&text, "t").expect("good");
    let said = evaluate(&ledger(vec![get("/a", 1)]), &rules);
    assert_eq!(said.iter().map(|s| s.signal.as_str()).collect::<Vec<_>>(), ["test"]);
    let said = evaluate(&ledger(vec![get("/b", 1)]), &rules);
    assert_eq!(said.iter().map(|s| s.signal.as_str()).collect::<Vec<_>>(), ["weak"]);
}

#[test]
fn the_rule_to_copy_is_a_rule() {
    let text = include_str!("../../../../docs/rules.md");
    // The fence names the file that the document's commands use.
    let block = text.split("```toml").nth(1).and_then(|rest| rest.split_once('\n')).expect("an example").1;
    let example = block.split("```").next().expect("its text");
    let rules = parse(example, "docs/rules.md").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["examplebot-post"]);
}
