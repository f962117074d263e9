#!/usr/bin/env bash
# What the action does: scans or verifies, annotates, writes a summary and says where the report is.
#
# From the environment: PROGRAM, MODE (scan, verify), INPUT_PATHS, FAIL_ON, LEVEL, ARGS; GITHUB_OUTPUT and
# GITHUB_STEP_SUMMARY as the runner gives them. Needs jq. Ends with the program's own exit status.
set -uo pipefail

folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/exfilscan.XXXXXX")
# Blanks and lines part paths and options; patterns in paths are filled in here and nothing else is.
read -r -d '' -a options <<< "${ARGS:-}"
paths=()
while read -r -d ' ' word; do
    [ -n "$word" ] || continue
    matches=$(compgen -G "$word" || true)
    # A path without a match stays as it is: the program says what is wrong with it.
    while IFS= read -r path; do paths+=("$path"); done <<< "${matches:-$word}"
done <<< "$(tr '\n\t' '  ' <<< "$INPUT_PATHS ") "

# What a capture says is hostile: in a command of the runner, percent signs and line ends are escaped, and so is what
# parts properties.
annotate='
  def data: gsub("%"; "%25") | gsub("\r"; "%0D") | gsub("\n"; "%0A");
  def property: data | gsub(":"; "%3A") | gsub(","; "%2C");
'

# While the program prints, the runner obeys no line of it.
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$token"

if [ "$MODE" = verify ]; then
    report=$folder/verify.txt
    "$PROGRAM" verify ${options[@]+"${options[@]}"} "${paths[@]}" | tee "$report"
    status=${PIPESTATUS[0]}
    echo "::$token::"
    failed=$(grep -c '^FAIL' "$report")
    # The lines below a failed case say what is wrong with it.
    jq -Rrs "$annotate"'
      split("\n") | reduce .[] as $line ([];
        if ($line | startswith("FAIL  ")) then . + [{name: $line[6:], why: []}]
        elif ($line | startswith("      ")) and length > 0 then .[-1].why += [$line[6:]]
        else . end)
      | .[] | "::error title=\("exfilscan: " + .name | property)::\(.why | join("\n") | if . == "" then "failed" else . end | data)"
    ' "$report"
    {
        echo "### exfilscan verify"
        echo
        echo '```text'
        grep -v '^ok ' "$report" | tr -d '`'
        echo '```'
    } >> "$GITHUB_STEP_SUMMARY"
    { echo "findings=$failed"; echo "report=$report"; } >> "$GITHUB_OUTPUT"
    exit "$status"
fi

report=$folder/report.json
sarif=$folder/exfilscan.sarif
"$PROGRAM" scan --progress never --level "$LEVEL" --fail-on "$FAIL_ON" ${options[@]+"${options[@]}"} \
    -f text -o "json=$report" -o "sarif=$sarif" -o "markdown=$folder/summary.md" "${paths[@]}"
status=$?
echo "::$token::"
if [ ! -s "$report" ]; then
    echo "::error title=exfilscan::nothing could be read (status $status)"
    exit "$status"
fi
jq -r "$annotate"'
  .captures as $captures
  | .findings[]
  | ({critical: "error", high: "error", medium: "warning", low: "notice"}[.level]) as $kind
  | ($captures[.evidence[0].capture].path // "") as $file
  | "::\($kind) file=\($file | property),title=\("exfilscan \(.level): \(.family.name // .kinds[0])" | property)::\(
      "\(.title)\nvictim \(.victim.addr), server \(.server.addrs | join(" "))\n\(.terms[0].why)\n\(.id)" | data)"
' "$report"
cat "$folder/summary.md" >> "$GITHUB_STEP_SUMMARY"
{
    echo "findings=$(jq '.findings | length' "$report")"
    echo "report=$report"
    echo "sarif=$sarif"
} >> "$GITHUB_OUTPUT"
exit "$status"
