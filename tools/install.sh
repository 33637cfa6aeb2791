#!/bin/sh
# Puts the built program and its service into place, and takes them away again. Fetches nothing, starts nothing.
#   install.sh install      PREFIX (/usr/local), DESTDIR (empty) and SYSCONFDIR (/etc) as variables
#   install.sh uninstall    what install has put there; the configuration and the state stay
# NAMES="knock knockd" installs these names, too, so that scripts and units which call knockd's programs get ours. Not by
# default: elsewhere in PATH they may be those of the package knockd.
# An existing configuration is never touched.
set -eu
PREFIX=${PREFIX:-/usr/local}
SYSCONFDIR=${SYSCONFDIR:-/etc}
DESTDIR=${DESTDIR:-}
NAMES=${NAMES:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

library=$DESTDIR$PREFIX/lib/postern
units=$DESTDIR$PREFIX/lib/systemd/system
sysusers=$DESTDIR$PREFIX/lib/sysusers.d
tmpfiles=$DESTDIR$PREFIX/lib/tmpfiles.d
documents=$DESTDIR$PREFIX/share/doc/postern
configuration=$DESTDIR$SYSCONFDIR/postern

fail() {
    echo "install: error: $1" >&2
    echo "install: hint: $2" >&2
    exit 1
}

# Can we write there? Asked of the nearest directory that exists, before anything is changed.
need_writable() {
    for place; do
        folder=$place
        while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
        [ -w "$folder" ] ||
            fail "$folder cannot be written" "do it as root, or set PREFIX, SYSCONFDIR or DESTDIR to a place of yours"
    done
}

# Where a name of another program goes; nothing for a name whose place we do not take.
link_of() {
    case $1 in
    knock) echo "$DESTDIR$PREFIX/bin/knock" ;;
    knockd) echo "$DESTDIR$PREFIX/sbin/knockd" ;;
    esac
}

# Is this link one of ours?
is_ours() { [ "$(readlink "$1" 2>/dev/null)" = ../lib/postern/postern ]; }

check_names() {
    for name in $NAMES; do
        link=$(link_of "$name")
        [ -n "$link" ] || fail "NAMES: $name is not a program whose place postern takes" "knock, knockd, or both"
        if [ -e "$link" ] || [ -h "$link" ]; then
            is_ours "$link" || fail "$link is there and is not postern's" "remove it first, or leave $name out of NAMES"
        fi
        need_writable "$(dirname "$link")"
    done
}

# A service finds no Node.js that is in somebody's home, where version managers put it.
warn_of_node() {
    [ -z "$DESTDIR" ] || return 0
    # systemd's own, for services.
    if (PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin && command -v node) >/dev/null; then return 0; fi
    echo "install: warning: the service will not find node: it is at $(command -v node || echo "no place of PATH")" >&2
    echo "install: hint: install Node.js for the whole system, as /usr/bin/node or /usr/local/bin/node" >&2
}

# The files of this package name /usr/local.
place() {
    sed "s|/usr/local/|$PREFIX/|g" "$1" >"$2"
    chmod 644 "$2"
}

install_all() {
    [ -f "$here/dist/daemon.js" ] || fail "the program is not built" "run make build first"
    ls "$here"/node_modules/@koromix/koffi-* >/dev/null 2>&1 || fail "node_modules is not there" "run make build first"
    need_writable "$DESTDIR$PREFIX/lib" "$DESTDIR$PREFIX/bin" "$DESTDIR$PREFIX/share"
    [ -e "$configuration/postern.toml" ] || need_writable "$configuration"
    check_names
    umask 022
    rm -rf "$library" "$documents"
    mkdir -p "$library/node_modules/@koromix" "$DESTDIR$PREFIX/bin" "$units" "$sysusers" "$tmpfiles"
    cp -R "$here/dist" "$here/postern" "$here/LICENSE" "$library/"
    # The one library that stays outside.
    cp -R "$here/node_modules/koffi" "$library/node_modules/"
    rm -rf "$library/node_modules/koffi/doc" "$library/node_modules/koffi/vendor"
    cp -R "$here"/node_modules/@koromix/koffi-* "$library/node_modules/@koromix/"
    chmod -R u=rwX,go=rX "$library"
    chmod 755 "$library/postern"
    ln -sf ../lib/postern/postern "$DESTDIR$PREFIX/bin/postern"
    for name in $NAMES; do
        link=$(link_of "$name")
        mkdir -p "$(dirname "$link")"
        ln -sf ../lib/postern/postern "$link"
    done

    place "$here/systemd/postern.service" "$units/postern.service"
    place "$here/systemd/postern-knockd.service" "$units/postern-knockd.service"
    place "$here/systemd/postern-web.service" "$units/postern-web.service"
    place "$here/systemd/postern-web.socket" "$units/postern-web.socket"
    place "$here/systemd/postern-lead@.service" "$units/postern-lead@.service"
    place "$here/systemd/postern-hide.service" "$units/postern-hide.service"
    place "$here/systemd/postern-hide-iptables.service" "$units/postern-hide-iptables.service"
    place "$here/systemd/postern-grace.service" "$units/postern-grace.service"
    place "$here/systemd/postern.sysusers.conf" "$sysusers/postern.conf"
    place "$here/systemd/postern.tmpfiles.conf" "$tmpfiles/postern.conf"
    # In folders as here, so that their links hold.
    for folder in docs spec decisions systemd; do
        mkdir -p "$documents/$folder"
        for page in "$here/$folder"/*.md "$here/$folder"/*.toml "$here/$folder"/*.conf "$here/$folder"/*.service \
            "$here/$folder"/*.socket; do
            case $page in */\** | *.sysusers.conf | *.tmpfiles.conf) continue ;; esac
            place "$page" "$documents/$folder/${page##*/}"
        done
    done

    if [ ! -e "$configuration/postern.toml" ]; then
        [ -d "$configuration" ] || mkdir -p -m 750 "$configuration"
        (umask 077 && cp "$here/docs/postern.toml" "$configuration/postern.toml")
        chmod 640 "$configuration/postern.toml"
    fi
    warn_of_node
    [ -n "$DESTDIR" ] || cat <<END
Installed, with the manual in $documents/docs. As a service of systemd, after you have put
your own hits into $SYSCONFDIR/postern/postern.toml:
  systemd-sysusers && systemd-tmpfiles --create $tmpfiles/postern.conf
  postern check && systemctl daemon-reload && systemctl enable --now postern postern-hide
If it was running: systemctl daemon-reload && systemctl restart postern. What is open stays open.
In the place of knockd: $documents/docs/from-knockd.md
END
}

uninstall_all() {
    need_writable "$DESTDIR$PREFIX/lib" "$DESTDIR$PREFIX/bin" "$DESTDIR$PREFIX/share"
    # Without its program it would run on until it ends, and then nobody could knock.
    for service in postern postern-knockd postern-web postern-hide postern-hide-iptables postern-grace 'postern-lead@*'; do
        for link in "$DESTDIR$SYSCONFDIR"/systemd/system/*.wants/$service.service \
            "$DESTDIR$SYSCONFDIR"/systemd/system/*.wants/$service.socket; do
            unit=${link##*/}
            [ ! -h "$link" ] || fail "the service is still enabled" "systemctl disable --now ${unit%.service}, then again"
        done
    done
    rm -rf "$library" "$documents"
    for name in knock knockd; do
        link=$(link_of "$name")
        ! is_ours "$link" || rm -f "$link"
    done
    rm -f "$DESTDIR$PREFIX/bin/postern" "$units/postern.service" "$units/postern-knockd.service"
    rm -f "$units/postern-web.service" "$units/postern-web.socket" "$units/postern-lead@.service"
    rm -f "$units/postern-hide.service" "$units/postern-hide-iptables.service" "$units/postern-grace.service"
    rm -f "$sysusers/postern.conf" "$tmpfiles/postern.conf"
    [ -n "$DESTDIR" ] || cat <<END
Uninstalled. These are yours to remove: $SYSCONFDIR/postern, /var/lib/postern, /var/lib/postern-knockd, /var/lib/postern-web, the user postern, drop-ins in
$SYSCONFDIR/systemd/system/postern.service.d, and what is hidden: nft delete table inet postern
END
}

case ${1-} in
install) install_all ;;
uninstall) uninstall_all ;;
*) fail "unknown step: ${1-}" "install or uninstall" ;;
esac
