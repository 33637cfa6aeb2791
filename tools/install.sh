#!/bin/sh
# Puts the built program and its service into place, and takes them away again. Fetches nothing, starts nothing.
#   install.sh install      PREFIX (/usr/local), DESTDIR (empty) and SYSCONFDIR (/etc) as variables
#   install.sh uninstall    what install has put there; the configuration and the state stay
# An existing configuration is never touched.
set -eu
PREFIX=${PREFIX:-/usr/local}
SYSCONFDIR=${SYSCONFDIR:-/etc}
DESTDIR=${DESTDIR:-}
here=$(cd "$(dirname "$0")/.." && pwd -P)

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

# The files of this package name /usr/local.
place() {
    sed "s|/usr/local/|$PREFIX/|g" "$1" >"$2"
    chmod 644 "$2"
}

install_all() {
    [ -f "$here/dist/daemon.js" ] || fail "the program is not built" "run make build first"
    ls "$here"/node_modules/@koromix/koffi-* >/dev/null 2>&1 || fail "node_modules is not there" "run make build first"
    umask 022
    rm -rf "$library"
    mkdir -p "$library/node_modules/@koromix" "$DESTDIR$PREFIX/bin" "$units" "$sysusers" "$tmpfiles" "$documents"
    cp -R "$here/dist" "$here/postern" "$here/LICENSE" "$library/"
    # The one library that stays outside.
    cp -R "$here/node_modules/koffi" "$library/node_modules/"
    rm -rf "$library/node_modules/koffi/doc" "$library/node_modules/koffi/vendor"
    cp -R "$here"/node_modules/@koromix/koffi-* "$library/node_modules/@koromix/"
    chmod -R u=rwX,go=rX "$library"
    chmod 755 "$library/postern"
    ln -sf ../lib/postern/postern "$DESTDIR$PREFIX/bin/postern"

    place "$here/systemd/postern.service" "$units/postern.service"
    place "$here/systemd/postern.sysusers.conf" "$sysusers/postern.conf"
    place "$here/systemd/postern.tmpfiles.conf" "$tmpfiles/postern.conf"
    for page in "$here"/doc/*.md "$here"/doc/postern.toml "$here"/systemd/*.conf; do
        case $page in *.sysusers.conf | *.tmpfiles.conf) continue ;; esac
        place "$page" "$documents/${page##*/}"
    done

    if [ ! -e "$configuration/postern.toml" ]; then
        [ -d "$configuration" ] || mkdir -p -m 750 "$configuration"
        (umask 077 && cp "$here/doc/postern.toml" "$configuration/postern.toml")
        chmod 640 "$configuration/postern.toml"
    fi
    [ -n "$DESTDIR" ] || cat <<END
Installed. As a service of systemd, after you have put your own hits into $SYSCONFDIR/postern/postern.toml:
  systemd-sysusers && systemd-tmpfiles --create $tmpfiles/postern.conf
  postern check && systemctl daemon-reload && systemctl enable --now postern
END
}

uninstall_all() {
    rm -rf "$library" "$documents"
    rm -f "$DESTDIR$PREFIX/bin/postern" "$units/postern.service" "$sysusers/postern.conf" "$tmpfiles/postern.conf"
    [ -n "$DESTDIR" ] || cat <<END
Uninstalled. These are yours to remove: $SYSCONFDIR/postern, /var/lib/postern, the user postern,
and what is hidden: nft delete table inet postern
END
}

case ${1-} in
install) install_all ;;
uninstall) uninstall_all ;;
*) fail "unknown step: ${1-}" "install or uninstall" ;;
esac
