#!/bin/sh
# Installs the system packages that hvmap is built with, on Debian and its relatives.
#
# Quick and silent when all of them are there. As root, or with sudo. What a target needs besides
# comes as arguments.
set -eu

wanted="gcc libc6-dev pkg-config libgdal-dev gdal-bin libsqlite3-dev unzip python3-pip python3-venv $*"

if ! command -v dpkg-query >/dev/null; then
    echo "not Debian: install what goes by these names there: $wanted" >&2
    exit 0
fi

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root=$(command -v sudo) || {
        echo "missing:$missing; as root: apt-get install$missing" >&2
        exit 1
    }
fi

echo "installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# $missing is a list of words, and $as_root may be empty.
# shellcheck disable=SC2086
if ! { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install \
    -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
