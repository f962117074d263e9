"""Runs the program over captures in every export format and hands the output to the formats' own validators."""

import argparse
import csv
import importlib.metadata
import io
import ipaddress
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FORMATS = ["json", "csv", "markdown", "sarif", "junit", "ecs", "eve", "navigator", "ocsf", "stix", "misp"]
ENDINGS = re.compile(r"\.(pcap|pcapng|cap|snoop|erf|iptrace|ndjson)(\.(gz|zst|xz|lz4|bz2))?$")


class Skip(Exception):
    """What a check needs is not here."""


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Checks:
    """One method a format: raises AssertionError with what is wrong."""

    def __init__(self, options):
        self.options = options
        self.made = {}

    def once(self, name, make):
        if name not in self.made:
            try:
                self.made[name] = make()
            except (ImportError, FileNotFoundError) as error:
                self.made[name] = Skip(str(error))
        if isinstance(self.made[name], Skip):
            raise self.made[name]
        return self.made[name]

    def schema(self, path):
        import jsonschema

        def load():
            text = json.loads(pathlib.Path(path).read_text())
            kind = jsonschema.validators.validator_for(text)
            return kind(text, format_checker=kind.FORMAT_CHECKER)

        return self.once(path, load)

    @staticmethod
    def none(errors):
        errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in errors]
        assert not errors, "; ".join(errors[:5])

    def csv(self, text, report):
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert all(len(row) == len(rows[0]) for row in rows), "uneven rows"
        assert [row[0] for row in rows[1:]] == [f["id"] for f in report["findings"]], "ids differ"
        figure = re.compile(r"-?[0-9.]+$")
        bad = [c for row in rows[1:] for c in row if c.lstrip()[:1] in ("=", "+", "@", "-") and not figure.match(c)]
        assert not bad, f"formula cells {bad}"
        if len(rows) > 1:
            duckdb = self.once("duckdb", lambda: __import__("duckdb"))
            with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
                file.write(text)
                file.flush()
                query = f"select count(distinct id) from read_csv('{file.name}', header=true)"
                ((count,),) = duckdb.sql(query).fetchall()
            assert count == len(rows) - 1, f"DuckDB reads {count} rows"

    def markdown(self, text, report):
        def make():
            from markdown_it import MarkdownIt

            return MarkdownIt("gfm-like", {"html": True, "linkify": True})

        reader = self.once("markdown-it", make)
        tokens = reader.parse(text)
        inner = [child for token in tokens for child in (token.children or [])]
        seen = {token.type for token in [*tokens, *inner]}
        for bad in ("html_inline", "html_block", "link_open", "image", "fence", "code_block"):
            assert bad not in seen, f"{bad} in the text"
        heads = [token for token in tokens if token.type == "heading_open" and token.tag == "h2"]
        least = len(report["findings"])
        assert least <= len(heads) <= least + 1, f"{len(heads)} chapters for {least} findings"

    def sarif(self, text, report):
        log = json.loads(text)
        self.none(self.schema(self.options.sarif).iter_errors(log))
        found = [r["partialFingerprints"]["exfilscanFinding/v1"] for r in log["runs"][0]["results"]]
        assert found == [f["id"] for f in report["findings"]], "ids differ"

    def junit(self, text, report):
        etree = self.once("lxml", lambda: __import__("lxml.etree").etree)
        root = etree.fromstring(text.encode())
        if os.path.exists(self.options.junit):
            schema = self.once("xsd", lambda: etree.XMLSchema(etree.parse(self.options.junit)))
            assert schema.validate(root), str(schema.error_log.last_error)
        for suite in root:
            cases = suite.findall("testcase")
            assert int(suite.get("tests")) == len(cases), "tests"
            assert int(suite.get("failures")) == len(suite.findall("testcase/failure")), "failures"
            assert int(suite.get("errors")) == len(suite.findall("testcase/error")), "errors"
        assert int(root.get("failures")) == len(root.findall(".//failure")) == len(report["findings"])
        assert int(root.get("tests")) == len(root.findall(".//testcase"))

    def eve(self, text, report):
        records = lines(text)
        assert [r["alert"]["metadata"]["exfilscan_id"][0] for r in records] == [f["id"] for f in report["findings"]]
        for record in records:
            self.none(self.schema(self.options.suricata).iter_errors(record))

    def ecs(self, text, report):
        def make():
            with open(self.options.ecs, newline="") as file:
                return {row["Field"]: row for row in csv.DictReader(file)}

        fields = self.once("ecs", make)
        events = lines(text)
        assert [e["event"]["id"] for e in events] == [f["id"] for f in report["findings"]], "ids differ"
        for event in events:
            for name, value in flat(event, fields):
                # What is ours alone stands below our own name, as the schema asks.
                if name.split(".")[0] == "exfilscan":
                    continue
                field = fields.get(name)
                assert field, f"{name} is no field"
                listed = "array" in field["Normalization"]
                assert listed == isinstance(value, list), f"{name} is {'no' if listed else 'a'} list"
                for one in value if listed else [value]:
                    assert of_type(field["Type"], one), f"{name}: {one!r} is no {field['Type']}"

    def filters(self, capture, report):
        """Wireshark's filters of a finding select the frames that `carve` cuts out for its evidence."""
        if not shutil.which("tshark"):
            raise Skip("no tshark")
        one_capture = len(report["captures"]) == 1
        for finding in report["findings"] if one_capture else []:
            chosen = [f"({e['filter']})" for e in finding["evidence"] if e.get("filter")]
            # Of very many conversations not all are listed; `carve` takes the frames of the terms besides.
            if not chosen or len(chosen) < len(finding["evidence"]) or len(chosen) < finding["flows"]:
                continue
            got = self.frames(capture, " || ".join(chosen))
            command = [self.options.program, "carve", "--quiet", "--no-hash", "--finding", finding["id"]]
            command += ["--evidence-only", "-o", "-", str(capture)]
            cut = subprocess.run(command, capture_output=True, timeout=600)
            with tempfile.NamedTemporaryFile(suffix=".pcapng") as file:
                file.write(cut.stdout)
                file.flush()
                carved = self.frames(file.name, "")
            ranges = [pair for e in finding["evidence"] for pair in e["frames"]]
            outside = [n for n in got if not any(first <= n <= last for first, last in ranges)]
            assert not outside, f"{finding['id']}: frames {outside[:5]} are outside"
            assert len(got) == len(carved), f"{finding['id']}: {len(got)} frames, {len(carved)} carved"

    @staticmethod
    def frames(path, chosen):
        command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.number"]
        done = subprocess.run(command + (["-Y", chosen] if chosen else []), capture_output=True, text=True, timeout=600)
        return [int(line) for line in done.stdout.split()]

    def navigator(self, text, report):
        def make():
            from mitreattack.navlayers import Layer

            return Layer

        layer = self.once("navlayers", make)()
        layer.from_str(text)
        # The reader leaves an empty list out.
        own, back = json.loads(text), layer.to_dict().get("techniques", [])
        key = lambda technique: (technique["techniqueID"], technique.get("score"))
        assert sorted(map(key, back), key=str) == sorted(map(key, own["techniques"]), key=str), "techniques lost"

    def ocsf(self, text, report):
        def make():
            import jsonschema
            from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

            schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
            schema = schema.get_class_schema(class_name="detection_finding", profiles=[])
            return jsonschema.Draft202012Validator(schema)

        events = lines(text)
        assert [e["finding_info"]["uid"] for e in events] == [f["id"] for f in report["findings"]], "ids differ"
        for event in events:
            self.none(self.once("ocsf", make).iter_errors(event))

    def stix(self, text, report):
        def make():
            import stix2
            import stix2validator

            return stix2, stix2validator

        stix2, validator = self.once("stix2", make)
        result = validator.validate_string(text, validator.ValidationOptions(version="2.1", strict=False))
        assert result.is_valid, [str(e)[:300] for e in result.errors][:5]
        # ICMP has no ports, which 301 misses.
        warnings = [str(w)[:300] for w in result.warnings if "{301}" not in str(w)]
        assert not warnings, warnings[:5]
        bundle = stix2.parse(text)
        ids = [o["id"] for o in json.loads(text)["objects"]]
        assert len(ids) == len(set(ids)), "an id twice"
        for object in bundle.objects:
            # What python-stix2 itself would name it.
            if object["id"].split("--")[0] in ("ipv4-addr", "ipv6-addr", "domain-name", "email-addr"):
                own = type(object)(value=object["value"])
                assert own["id"] == object["id"], f"{own['id']} is not {object['id']}"
        shared(report, [o["pattern"] for o in bundle.objects if o["type"] == "indicator"])

    def misp(self, text, report):
        def make():
            import jsonschema
            import pymisp

            data = pathlib.Path(pymisp.__file__).parent / "data"
            schema = json.loads((data / "schema.json").read_text())
            return pymisp, data, jsonschema.validators.validator_for(schema)(schema)

        pymisp, data, schema = self.once("pymisp", make)
        raw = json.loads(text)
        # The schema that PyMISP ships is older than objects: their attributes are checked as attributes of the event,
        # the objects themselves by their templates.
        flat = json.loads(text)
        for object in flat["Event"].pop("Object"):
            flat["Event"]["Attribute"] += [
                {k: v for k, v in a.items() if k not in ("object_relation", "disable_correlation")}
                for a in object["Attribute"]
            ]
        self.none(schema.iter_errors(flat))
        event = pymisp.MISPEvent()
        event.load(raw)
        uuids = [event.uuid] + [a.uuid for a in event.attributes] + [o.uuid for o in event.objects]
        uuids += [a.uuid for o in event.objects for a in o.attributes]
        assert len(uuids) == len(set(uuids)), "a uuid twice"
        for object in event.objects:
            template = json.loads((data / "misp-objects/objects" / object.name / "definition.json").read_text())
            assert object.template_uuid == template["uuid"], object.name
            assert int(object.template_version) <= template["version"], object.name
            relations = [a.object_relation for a in object.attributes]
            for attribute in object.attributes:
                known = template["attributes"][attribute.object_relation]
                assert known["misp-attribute"] == attribute.type, attribute.object_relation
                once = relations.count(attribute.object_relation) == 1
                assert once or known.get("multiple"), f"{attribute.object_relation} more than once"
                assert not attribute.to_ids, "detects by what is described only"
        shared(report, [a.value for a in event.attributes if a.to_ids])


def flat(event, fields, above=""):
    for key, value in event.items():
        name = above + key
        if isinstance(value, dict) and fields.get(name, {}).get("Type") not in ("object", "flattened"):
            yield from flat(value, fields, name + ".")
        else:
            yield name, value


def of_type(kind, value):
    match kind:
        case "long" | "integer":
            return isinstance(value, int)
        case "float" | "double" | "scaled_float":
            return isinstance(value, (int, float))
        case "boolean":
            return isinstance(value, bool)
        case "ip":
            return bool(ipaddress.ip_address(value))
        case "object" | "flattened" | "nested":
            return isinstance(value, dict)
        case _:
            return isinstance(value, str)


def shared(report, blocked):
    """No name or address of a service with a role of many is among what is blocked."""
    own = {"dynamic-dns", "free-hosting"}
    for finding in report["findings"]:
        server = finding["server"]
        if set(server.get("roles", [])) - own:
            for value in server["addrs"] + server.get("names", []):
                assert not any(f"'{value}'" in b or b == value for b in blocked), f"{value} is shared"


def captures(paths):
    for path in map(pathlib.Path, paths):
        if path.is_file():
            yield path
        else:
            yield from sorted(p for p in path.rglob("*") if p.is_file() and ENDINGS.search(p.name))


def run(options, capture, folder):
    command = [options.program, "scan", "--quiet", "--format", "ndjson", str(capture)]
    for format in FORMATS:
        command += ["-o", f"{format}={folder}/{format}"]
    done = subprocess.run(command, capture_output=True, timeout=600)
    return done.returncode, {f: (pathlib.Path(folder) / f).read_bytes() for f in FORMATS if os.path.exists(f"{folder}/{f}")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--sarif", default="absent")
    parser.add_argument("--suricata", default="absent")
    parser.add_argument("--junit", default="absent")
    parser.add_argument("--ecs", default="absent")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    checks = Checks(options)
    counts = {format: [0, 0] for format in [*FORMATS, "filters"]}
    skipped, findings, files = {}, 0, 0
    for capture in captures(options.paths):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            code, texts = run(options, capture, one)
            if code not in (0, 3) or not texts:
                print(f"{capture}: status {code}, not checked")
                continue
            _, again = run(options, capture, two)
        report = json.loads(texts["json"])
        files += 1
        findings += len(report["findings"])
        for format in FORMATS:
            wrong = None if texts[format] == again[format] else "two runs differ"
            try:
                if format != "json" and not wrong:
                    getattr(checks, format)(texts[format].decode("utf-8"), report)
            except Skip as why:
                skipped[format] = why
                continue
            except (AssertionError, KeyError, ValueError, Exception) as error:
                wrong = f"{type(error).__name__}: {error}"
            counts[format][wrong is not None] += 1
            if wrong:
                print(f"{capture}: {format}: {wrong}")
        wrong = None
        try:
            checks.filters(capture, report)
        except Skip as why:
            skipped["filters"] = why
            continue
        except AssertionError as error:
            wrong = error
            print(f"{capture}: filters: {wrong}")
        counts["filters"][wrong is not None] += 1
    print(f"{files} captures, {findings} findings")
    for format, (good, bad) in counts.items():
        word = f"skipped ({skipped[format]})" if format in skipped else f"{good} good, {bad} bad"
        print(f"  {format:10} {word}")
    for line in pathlib.Path(__file__).with_name("requirements.txt").read_text().split():
        name = line.split(">")[0]
        try:
            print(f"  {name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"  {name} absent")
    return not files or any(bad for _, bad in counts.values())


if __name__ == "__main__":
    sys.exit(main())
