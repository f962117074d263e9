#!/usr/bin/env bash
# Makes the Debian package of a program that is built.
#
#   packaging/deb.sh PROGRAM [OPTION OF CARGO DEB]...
#
# Needs cargo-deb. DEBFULLNAME and DEBEMAIL say who publishes. SOURCE_DATE_EPOCH dates the changelog; else the last commit does.
set -euo pipefail
program=$(realpath "${1:?usage: packaging/deb.sh PROGRAM [OPTION]...}")
shift
cd "$(dirname "$0")/.."
packaging/assets.sh "$program"

field() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" Cargo.toml | head -1; }
maintainer=${DEBFULLNAME:+$DEBFULLNAME <$DEBEMAIL>}
maintainer=${maintainer:-$(field maintainer)}
cat > target/packaging/changelog.Debian <<CHANGES
$(field name) ($(field version)-1) unstable; urgency=medium

  * Release $(field version): /usr/share/doc/exfilscan/changelog.gz has what is new.

 -- $maintainer  $(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}")
CHANGES
cargo deb --no-build --locked --maintainer "$maintainer" "$@"
