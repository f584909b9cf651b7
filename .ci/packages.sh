#!/usr/bin/env bash
# Installs the Debian packages that tests and `make bench` use (listed in debian-packages.txt), and unpacks
# those that conflict with each other (debian-unpacked.txt) into /var/cache/karamail-tests.
#
#   .ci/packages.sh           install what is missing (as root, or through `sudo -n`); exit 0 even when it
#                             cannot: the tests that need a package then skip and say so
#   .ci/packages.sh --check   only say what is missing; exit 1 if anything is
#   .ci/packages.sh --lab     the same for what `make lab` uses (listed in lab-packages.txt)
#
# Packages only bring their programs. No service is started (a policy-rc.d of our own says no for the
# time of the installation), no PostgreSQL cluster is made, /etc/postfix gets no configuration, and
# a service that already runs on this machine is not touched. What is unpacked is not installed at all: no
# user, no configuration, no service; only the libraries that it needs are installed.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
list="$here/debian-packages.txt"
unpacked_list="$here/debian-unpacked.txt"
if [ "${1:-}" = --lab ]; then
    list="$here/lab-packages.txt" unpacked_list=/dev/null
    shift
fi
unpacked_root=/var/cache/karamail-tests

names() { sed -n '/^#/d; s/^\([^:]*\):.*/\1/p' "$1"; }
unpacked() { [ -e "$unpacked_root/$1/complete" ]; }
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "packages: this is not a Debian machine; tests that need these programs skip unless they are on it:"
    grep -hv '^#' "$list" "$unpacked_list" | sed 's/^/  /'
    [ "${1:-}" != --check ]
    exit
fi

missing=()
for name in $(names "$list"); do
    installed "$name" || missing+=("$name")
done
to_unpack=()
for name in $(names "$unpacked_list"); do
    unpacked "$name" || to_unpack+=("$name")
done

if [ "${#missing[@]}" -eq 0 ] && [ "${#to_unpack[@]}" -eq 0 ]; then
    exit 0
fi

tell() {
    echo "packages: $1"
    for name in "${missing[@]}" "${to_unpack[@]}"; do
        grep -h "^$name:" "$list" "$unpacked_list" | sed 's/^/  /; s/: / - without it not tested: /'
    done
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
        echo "  To have them: sudo .ci/packages.sh"
        exit 0
    fi
fi

[ "${#missing[@]}" -eq 0 ] || echo "packages: installing ${missing[*]}"
[ "${#to_unpack[@]}" -eq 0 ] || echo "packages: unpacking ${to_unpack[*]}"

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
# install NAME...; the usual reason to fail on a fresh machine: no package lists, or old ones.
install() {
    apt install --no-install-recommends "$@" >>"$log" 2>&1 && return
    apt update >>"$log" 2>&1
    apt install --no-install-recommends "$@" >>"$log" 2>&1
}

# unpack NAME: its libraries are installed, its files laid into a folder of their own, whole or not at all.
unpack() {
    local name="$1" folder fresh libraries
    folder="$(mktemp -d)"
    chmod 755 "$folder"  # apt downloads as a user of its own
    libraries="$(apt-cache depends "$name" | sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p')"
    # shellcheck disable=SC2086  # a list of names
    install $libraries && (cd "$folder" && apt-get -q download "$name" >>"$log" 2>&1) || return
    fresh="$unpacked_root/$name"
    "${as_root[@]}" rm -rf "$fresh" && "${as_root[@]}" mkdir -p "$fresh" \
        && "${as_root[@]}" dpkg -x "$folder"/*.deb "$fresh" >>"$log" 2>&1 \
        && "${as_root[@]}" touch "$fresh/complete" && rm -rf "$folder"
}

if [ "${#missing[@]}" -ne 0 ] && ! install "${missing[@]}"; then
    tail -n 20 "$log"
    tell "apt-get failed (above); tests that need these skip:"
fi
apt-cache show ${to_unpack[0]:-} >/dev/null 2>&1 || apt update >>"$log" 2>&1
for name in "${to_unpack[@]}"; do
    if ! unpack "$name"; then
        tail -n 20 "$log"
        echo "packages: $name could not be unpacked (above); tests that need it skip"
    fi
done
rm -f "$log"
exit 0
