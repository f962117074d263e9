#!/usr/bin/env bash
# Checks every export format with the validators of those who define or read it, over captures.
#
#   tests/validate/run.sh [CAPTURE|DIR]...        (default: testdata)
#
# Needs Python 3.10 or later with venv, and the network for the packages at the first run. Not part of `cargo test`.
# What is not at hand is skipped with a word. Environment:
#   EXFILSCAN        the program (default: target/release/exfilscan, else target/debug/exfilscan)
#   VALIDATE_DIR     where packages and results go (default: target/validate)
#   SARIF_SCHEMA     sarif-schema-2.1.0.json (default: that of the npm package @microsoft/jest-sarif, if there is npm)
#   JUNIT_SCHEMA     junit-10.xsd of Jenkins' xunit plugin (default: downloaded; without it only the form is checked)
#   SURICATA_SCHEMA  etc/schema.json of Suricata (no package has it; default: downloaded)
#   ECS_FIELDS       generated/csv/fields.csv of Elastic Common Schema (default: downloaded)
#
# Where there is tshark, the display filters of findings are tried with it.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v python3 >/dev/null || ! python3 -c 'import venv, sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "skipped: no Python 3.10 with venv" >&2
    exit 0
fi

program=${EXFILSCAN:-target/release/exfilscan}
[ -x "$program" ] || program=target/debug/exfilscan
[ -x "$program" ] || { echo "no program: cargo build first" >&2; exit 2; }

dir=${VALIDATE_DIR:-target/validate}
mkdir -p "$dir"
if [ ! -x "$dir/venv/bin/python" ]; then
    python3 -m venv "$dir/venv"
fi
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/validate/requirements.txt ||
    echo "some packages could not be installed; what needs them is skipped" >&2

sarif=${SARIF_SCHEMA:-$dir/package/lib/schemas/sarif-2.1.0-rtm.5.json}
if [ ! -f "$sarif" ] && command -v npm >/dev/null; then
    (cd "$dir" && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 >/dev/null && tar xzf microsoft-jest-sarif-*.tgz) ||
        echo "the schema of SARIF could not be had" >&2
fi
download() {
    [ -f "$1" ] || { command -v curl >/dev/null && curl -fsSL --max-time 60 -o "$1" "$2"; } ||
        echo "$2 could not be had" >&2
}
suricata=${SURICATA_SCHEMA:-$dir/suricata-schema.json}
download "$suricata" https://raw.githubusercontent.com/OISF/suricata/main/etc/schema.json
junit=${JUNIT_SCHEMA:-$dir/junit-10.xsd}
download "$junit" https://raw.githubusercontent.com/jenkinsci/xunit-plugin/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd

ecs=${ECS_FIELDS:-$dir/ecs-fields.csv}
download "$ecs" https://raw.githubusercontent.com/elastic/ecs/main/generated/csv/fields.csv

[ $# -gt 0 ] || set -- testdata
exec "$dir/venv/bin/python" tests/validate/check.py \
    --program "$program" --sarif "$sarif" --suricata "$suricata" --junit "$junit" --ecs "$ecs" "$@"
