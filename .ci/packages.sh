#!/usr/bin/env bash
# Installs the Debian packages that tests and `make bench` use (listed in debian-packages.txt).
#
#   .ci/packages.sh           install what is missing (as root, or through `sudo -n`); exit 0 even when it
#                             cannot: the tests that need a package then skip and say so
#   .ci/packages.sh --check   only say what is missing; exit 1 if anything is
#
# Packages only bring their programs. No service is started (a policy-rc.d of our own says no for the
# time of the installation), no PostgreSQL cluster is made, /etc/postfix gets no configuration, and
# a service that already runs on this machine is not touched.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
list="$here/debian-packages.txt"

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "packages: this is not a Debian machine; tests that need these programs skip unless they are on it:"
    grep -v '^#' "$list" | sed 's/^/  /'
    [ "${1:-}" != --check ]
    exit
fi

missing=()
while IFS=: read -r name _; do
    [[ -z "$name" || "$name" == \#* ]] && continue
    installed "$name" || missing+=("$name")
done <"$list"

if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi

tell() {
    echo "packages: $1"
    for name in "${missing[@]}"; do grep "^$name:" "$list" | sed 's/^/  /; s/: / - without it not tested: /'; done
}

if [ "${1:-}" = --check ]; then
    tell "missing:"
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        tell "not root, and sudo would ask for a password; these stay missing:"
        echo "  To have them: sudo apt-get install --no-install-recommends ${missing[*]}"
        exit 0
    fi
fi

echo "packages: installing ${missing[*]}"

# Services do not start while we install: a policy-rc.d for just that long, and only if there is none yet.
policy=/usr/sbin/policy-rc.d
placed=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# placed by karamail/.ci/packages.sh for the time of one installation\nexit 101\n' \
        | "${as_root[@]}" tee "$policy" >/dev/null && "${as_root[@]}" chmod 755 "$policy" && placed=yes
fi
clean_up() { [ -z "$placed" ] || "${as_root[@]}" rm -f "$policy"; }
trap clean_up EXIT

# postgresql-common would make and start a cluster "main"; ours are private and made by the tests.
if ! installed postgresql-common && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" \
        | "${as_root[@]}" tee /etc/postgresql-common/createcluster.d/karamail-tests.conf >/dev/null
fi
if ! installed postfix && command -v debconf-set-selections >/dev/null; then
    echo "postfix postfix/main_mailer_type select No configuration" | "${as_root[@]}" debconf-set-selections
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null
}

log="$(mktemp)"
if ! apt install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
    # The usual reason on a fresh machine: no package lists, or old ones.
    apt update >>"$log" 2>&1
    if ! apt install --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        tail -n 20 "$log"
        tell "apt-get failed (above); tests that need these skip:"
    fi
fi
rm -f "$log"
exit 0
