#!/usr/bin/env bash
# Opens the pages of the program in headless Chromium and uses them as people do.
#
#   tests/browser/run.sh
#
# Needs Python 3.9 or later and Chromium; Debian's package is installed where that is allowed. Not part of `cargo test`.
# What is not at hand is skipped with a word. Environment:
#   EXFILSCAN    the program (default: target/release/exfilscan, else target/debug/exfilscan)
#   CHROMIUM     the browser (default: chromium, chromium-browser, google-chrome, as found)
#   BROWSER_DIR  where pages and screenshots go (default: target/browser)
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v python3 >/dev/null || ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    echo "skipped: no Python 3.9" >&2
    exit 0
fi

browser() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        [ -n "$name" ] && command -v "$name" && return
    done
    return 1
}
if ! browser >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get install --yes --no-install-recommends chromium >/dev/null 2>&1 || true
fi
chromium=$(browser) || { echo "skipped: no Chromium" >&2; exit 0; }

program=${EXFILSCAN:-target/release/exfilscan}
[ -x "$program" ] || program=target/debug/exfilscan
[ -x "$program" ] || { echo "no program: cargo build first" >&2; exit 2; }

exec python3 tests/browser/check.py --program "$program" --chromium "$chromium" --dir "${BROWSER_DIR:-target/browser}" "$@"
