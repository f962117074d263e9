#!/usr/bin/env bash
# Makes man pages and completions with the program itself, below target/packaging.
#
#   packaging/assets.sh PROGRAM
set -euo pipefail
program=$(realpath "${1:?usage: packaging/assets.sh PROGRAM}")
cd "$(dirname "$0")/.."
out=target/packaging
rm -rf "$out"
mkdir -p "$out/completions"
"$program" man --dir "$out/man"
"$program" completions bash > "$out/completions/exfilscan.bash"
"$program" completions zsh > "$out/completions/_exfilscan"
"$program" completions fish > "$out/completions/exfilscan.fish"
"$program" completions powershell > "$out/completions/exfilscan.ps1"
