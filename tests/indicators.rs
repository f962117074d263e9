//! Lists of indicators and databases of places, as a user brings them.

mod common;

use common::{capture, mmdb, report, run};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn scan(options: &[&str], case: &str) -> common::Run {
    let args = std::iter::once("scan").chain(options.iter().copied()).map(OsString::from);
    run(args.chain([capture(case).into_os_string()]))
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The terms of lists in a report.
fn listed(report: &Value) -> Vec<String> {
    let terms = list(&report["findings"]).iter().flat_map(|finding| list(&finding["terms"]));
    let listed = terms.filter(|term| term["signal"].as_str().is_some_and(|name| name.starts_with("listed-")));
    listed
        .map(|term| format!("{}: {}", term["signal"].as_str().unwrap(), term["why"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_hit_is_a_term_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let feed = write(folder.path(), "feed.txt", "# a feed\nloki[.]example\nco.uk\napi.telegram.org\n");
    let args = ["--indicators", &feed].map(OsString::from);
    let with = report(args.into_iter().chain([capture("lokibot").into_os_string()]));
    assert_eq!(listed(&with), [format!("listed-name: loki.example is listed: {feed}, line 2")]);
    let without = report([capture("lokibot")]);
    assert!(with["findings"][0]["score"].as_f64() > without["findings"][0]["score"].as_f64());
    assert_eq!(
        with["findings"][0]["id"], without["findings"][0]["id"],
        "a hit does not change what a finding is"
    );
    let run = scan(&["--indicators", &feed], "lokibot");
    assert_eq!(run.code, 0);
    assert!(
        run.err.contains("feed.txt: 1 entry of a list (lines), 2 refused: line 3 `co.uk`"),
        "{}",
        run.err
    );
    assert_eq!(scan(&["-q", "--indicators", &feed], "lokibot").err, "");
}

#[test]
fn what_is_no_list_is_status_2_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("empty.txt", ""), ("bad.json", "{\"a\":"), ("other.json", "{\"a\":1}")] {
        let path = write(folder.path(), name, text);
        let run = scan(&["--indicators", &path], "lokibot");
        assert!(run.code == 2 && run.err.contains(name), "{name}: {} {}", run.code, run.err);
    }
    assert_eq!(scan(&["--indicators", "/nowhere/x"], "lokibot").code, 2);
    let good = write(folder.path(), "good.txt", "203.0.113.4\n");
    assert_eq!(scan(&["--indicators", &good, "--behaviour-only"], "lokibot").code, 2);
}

/// What one run exports to share, the next run looks for.
#[test]
fn own_exports_are_lists() {
    let folder = tempfile::tempdir().expect("a folder");
    let export = |form: &str| folder.path().join(form).to_string_lossy().into_owned();
    let (stix, misp, takedown) = (export("stix"), export("misp"), export("takedown"));
    let outputs = [format!("stix={stix}"), format!("misp={misp}")];
    assert_eq!(scan(&["-o", &outputs[0], "-o", &outputs[1]], "lokibot").code, 0);
    let map = run([
        OsString::from("map"),
        "-o".into(),
        format!("takedown={takedown}").into(),
        capture("lokibot").into_os_string(),
    ]);
    assert_eq!(map.code, 0, "{}", map.err);
    for (file, place) in [(stix, "indicator--"), (misp, "attribute "), (takedown, "line ")] {
        let args = ["--indicators", &file].map(OsString::from);
        let found = listed(&report(args.into_iter().chain([capture("lokibot").into_os_string()])));
        assert!(found[0].contains(&format!("{file}, {place}")), "{file}: {found:?}");
    }
}

/// Two databases of invented places, as MaxMind's are cut: one of countries, one of systems.
fn databases(folder: &Path, addr: &str) -> [String; 2] {
    let net = if addr.contains(':') { format!("{addr}/64") } else { format!("{addr}/24") };
    let country = json!({"country": {"iso_code": "XK"}, "registered_country": {"iso_code": "XA"}});
    let system =
        json!({"autonomous_system_number": 64_500, "autonomous_system_organization": "Invented Hosting =1"});
    let other = json!({"country": {"iso_code": "XZ"}});
    [
        write(
            folder,
            "country.mmdb",
            mmdb::database("Test-Country", &[(&net, country), ("10.0.0.0/8", other)]),
        ),
        write(folder, "asn.mmdb", mmdb::database("Test-ASN", &[(&net, system)])),
    ]
}

#[test]
fn every_format_says_where_a_server_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = "lokibot";
    let first = report([capture(case)]);
    let addr = first["findings"][0]["server"]["addrs"][0].as_str().expect("an address").to_owned();
    let [country, system] = databases(folder.path(), &addr);
    let with = |format: &str| scan(&["-q", "-f", format, "--mmdb", &country, "--mmdb", &system], case);
    for format in [
        "text", "json", "ndjson", "ecs", "html", "csv", "markdown", "sarif", "junit", "eve", "ocsf", "stix",
        "misp",
    ] {
        let run = with(format);
        assert_eq!(run.code, 0, "{format}: {}", run.err);
        assert!(
            run.out.contains("XK") && run.out.contains("64500") && run.out.contains("Invented Hosting"),
            "{format}: {}",
            run.out
        );
    }
    let json: Value = serde_json::from_str(&with("json").out).expect("JSON");
    assert_eq!(
        json["findings"][0]["server"]["places"],
        json!([{"addr": addr, "country": "XK", "as_number": 64_500, "as_name": "Invented Hosting =1"}])
    );
    let ecs: Value = serde_json::from_str(with("ecs").out.lines().next().expect("an alert")).expect("JSON");
    assert_eq!(ecs["destination"]["geo"]["country_iso_code"], "XK");
    assert_eq!(
        ecs["destination"]["as"],
        json!({"number": 64_500, "organization": {"name": "Invented Hosting =1"}})
    );
    let ocsf: Value = serde_json::from_str(with("ocsf").out.lines().next().expect("an event")).expect("JSON");
    let end = &ocsf["evidences"][0]["dst_endpoint"];
    assert_eq!(
        (&end["location"]["country"], &end["autonomous_system"]["number"]),
        (&json!("XK"), &json!(64_500))
    );
    let without = report([capture(case)]);
    assert!(without["findings"][0]["server"].get("places").is_none());
}

#[test]
fn what_is_no_database_is_status_2_and_damage_is_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = write(folder.path(), "x.mmdb", "not a database");
    let run = scan(&["--mmdb", &text], "lokibot");
    assert!(run.code == 2 && run.err.contains("x.mmdb: not a MaxMind database"), "{}", run.err);
    let addr = report([capture("lokibot")])["findings"][0]["server"]["addrs"][0].as_str().unwrap().to_owned();
    let [country, _] = databases(folder.path(), &addr);
    let whole = std::fs::read(&country).expect("read");
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        damaged.truncate(whole.len() - at % 7);
        let path = write(folder.path(), "damaged.mmdb", &damaged);
        let code = scan(&["-q", "--mmdb", &path], "lokibot").code;
        assert!(code == 0 || code == 2, "{at}: {code}");
    }
}

/// The end of the address and the port in an ECS alert are those of the conversation it names.
#[test]
fn an_alert_names_the_ends_of_its_conversation() {
    let mut joined = 0;
    for case in common::cases() {
        let run = scan(&["-q", "-f", "ecs"], &case);
        for alert in run.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
            let finding = &alert["exfilscan"]["finding"];
            let evidence = &finding["evidence"][0];
            let filter = evidence["filter"].as_str().expect("a filter");
            assert_eq!(alert["network"]["community_id"], evidence["community_id"], "{case}");
            let part = |field: &str, value: &Value| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                filter.split(" && ").any(|part| part.ends_with(&format!("{field} == {value}")))
            };
            assert!(part(".addr", &alert["destination"]["ip"]), "{case}: {filter}");
            for port in [&alert["destination"]["port"], &alert["source"]["port"]] {
                assert!(port.is_null() || part(".port", port), "{case}: {filter}");
            }
            joined += usize::from(list(&finding["server"]["addrs"]).len() > 1);
        }
    }
    assert!(joined > 0, "no finding with several servers");
}

#[test]
fn a_file_of_options_names_lists_and_databases_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "feed.txt", "loki.example\n");
    let config = write(folder.path(), "exfilscan.toml", "indicators = ['feed.txt']\nformat = 'json'\n");
    let run = scan(&["--config", &config], "lokibot");
    assert_eq!(run.code, 0, "{}", run.err);
    let expected: PathBuf = folder.path().join("feed.txt");
    assert!(run.out.contains(&format!("{}, line 1", expected.display())), "{}", run.out);
}
