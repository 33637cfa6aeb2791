#!/bin/sh
# Set-up checks, called by the Makefile before the work. Does nothing when nothing is missing.
#   setup.sh node              is Node.js new enough, is npm there?
#   setup.sh debian PURPOSE    PURPOSE: run, demo, test or bench. As root on Debian installs the packages that are
#                              missing; otherwise lists them. run and demo cannot go on without; tests skip and say so.
#                              test also fetches promtool, where Debian's packages can be fetched from.
#   setup.sh missing PURPOSE   prints those packages and does nothing.
set -eu
PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "setup: error: $1" >&2
    shift
    for hint; do echo "setup: hint: $hint" >&2; done
    exit 1
}

NODE_HINT="install Node.js 20.19 or later: on Debian 13 apt-get install nodejs npm, elsewhere https://nodejs.org"

check_node() {
    command -v node >/dev/null || fail "node is missing" "$NODE_HINT"
    command -v npm >/dev/null || fail "npm is missing" "it comes with Node.js; on Debian: apt-get install npm"
    node -e 'const [a, b] = process.versions.node.split(".").map(Number)
             process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
        fail "node $(node --version) is too old" "$NODE_HINT"
}

# FILE:PACKAGE of everything a purpose needs. FILE is a command, or a library when it has `.so` in its name.
needs() {
    echo ip:iproute2 nft:nftables libnftables.so.1:libnftables1 unshare:util-linux nsenter:util-linux ps:procps
    case $1 in
    run) ;;
    demo) echo nc:netcat-openbsd nmap:nmap sshd:openssh-server ssh:openssh-client ;;
    bench) echo knockd:knockd iptables:iptables sysctl:procps ;;
    test)
        echo knock:knockd knockd:knockd nmap:nmap hping3:hping3 telnet:telnet nc:netcat-openbsd ping:iputils-ping
        echo systemd-analyze:systemd systemd-tmpfiles:systemd systemd-sysusers:systemd
        echo tcpdump:tcpdump sshd:openssh-server ssh:openssh-client iptables:iptables ipset:ipset curl:curl chromium:chromium faketime:faketime mkfs.ext4:e2fsprogs
        echo rclone:rclone rsync:rsync git:git scp:openssh-client
        echo age:age gpg:gpg gpg-agent:gpg-agent ssh-keygen:openssh-client openssl:openssl
        ;;
    *) fail "unknown purpose: $1" ;;
    esac
}

present() {
    case $1 in
    *.so*)
        for file in /lib/"$1" /lib64/"$1" /lib/*/"$1" /usr/lib/"$1" /usr/lib64/"$1" /usr/lib/*/"$1"; do
            [ ! -e "$file" ] || return 0
        done
        return 1
        ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# Debian: unpacked, but not set up, because an install was interrupted.
is_half_installed() {
    case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    unpacked | half-*) ;;
    *) false ;;
    esac
}

missing_packages() {
    for need in $(needs "$1"); do
        if ! present "${need%%:*}" || is_half_installed "${need#*:}"; then echo "${need#*:}"; fi
    done | sort -u | tr '\n' ' '
}

POLICY=/usr/sbin/policy-rc.d

# Is this service started at boot? As systemd has it, or the rc scripts.
is_enabled() {
    for file in /etc/systemd/system/*.wants/"$1".service /etc/systemd/system/*.wants/"$1".socket /etc/rc?.d/S??"$1"; do
        [ ! -h "$file" ] || return 0
    done
    return 1
}

# sshd, knockd and rsync are wanted as programs, not as services of this host: nothing is started (policy-rc.d, invoke-rc.d's
# own switch, for the time of the install) and nothing new is enabled for the next boot.
install_quietly() {
    new_services=
    for package in openssh-server:ssh knockd:knockd rsync:rsync; do
        case " $* " in *" ${package%:*} "*) is_enabled "${package#*:}" || new_services="$new_services ${package#*:}" ;; esac
    done
    # One of ours, from an install that was killed, is not the host's.
    if [ ! -e $POLICY ] || grep -q '^# For the time of an install by .*setup.sh' $POLICY; then
        # The signals only exit; the exit tidies up.
        trap 'rm -f $POLICY' EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\n# For the time of an install by %s.\nexit 101\n' "$0" >$POLICY
        chmod 755 $POLICY
    elif [ -n "$new_services" ] && { $POLICY ssh start >/dev/null 2>&1; [ $? -ne 101 ]; }; then
        fail "$POLICY of this host would start services:$new_services" "install by hand: apt-get install $*"
    fi
    export DEBIAN_FRONTEND=noninteractive
    # What an interrupted install left; apt does nothing before that. What it cannot do, the -f below does.
    dpkg --configure -a || true
    apt-get update -qq
    apt-get install -f -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
    for service in $new_services; do
        update-rc.d "$service" disable >/dev/null 2>&1 || true
        for unit in "$service.service" "$service.socket"; do
            deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
        done
    done
}

# promtool checks our metrics. Debian 13 has a package of it alone; before, it came with prometheus, which would bring a
# service to this host. So nothing is installed: the one program is unpacked, by root or anybody else, and kept.
PROMTOOL=$(dirname "$0")/../build/promtool

fetch_promtool() {
    if [ -x "$PROMTOOL" ] || command -v promtool >/dev/null || ! command -v apt-get >/dev/null; then return 0; fi
    echo "setup: fetching promtool (20 MB)"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT TERM HUP
    # `set -e` is off to the left of ||: every step is chained.
    { unpack_promtool "$folder" && mkdir -p "${PROMTOOL%/*}" && mv "$folder/promtool" "$PROMTOOL.$$" &&
        mv "$PROMTOOL.$$" "$PROMTOOL"; } >/dev/null 2>&1 ||
        echo "setup: cannot fetch promtool: the tests that need it are skipped" >&2
}

# The folder is ours alone, so apt must not give up its rights there.
unpack_promtool() (
    fetch() { timeout 120 apt-get download -q -o Acquire::Retries=0 -o APT::Sandbox::User="$(id -un)" "$1"; }
    download() { fetch promtool || fetch prometheus; }
    cd "$1" || exit
    download || { [ "$(id -u)" = 0 ] && timeout 120 apt-get update -qq && download; } || exit
    dpkg-deb --fsys-tarfile ./*.deb | tar -xO ./usr/bin/promtool >promtool && chmod 755 promtool
)

check_debian() {
    missing=$(missing_packages "$1")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing: $missing"
        # shellcheck disable=SC2086 # a list of words
        install_quietly $missing
        missing=$(missing_packages "$1")
        [ -z "$missing" ] || fail "still missing after the install: $missing"
        return 0
    fi
    case $1 in
    test) echo "setup: not installed, so tests that need them are skipped: $missing" >&2 ;;
    *)
        # By hand, apt would also start the services in them.
        how="install them first"
        ! command -v apt-get >/dev/null || how="as root: sh tools/setup.sh debian $1, which starts none of their services"
        fail "not installed: ${missing% }" "$how"
        ;;
    esac
}

case ${1-} in
node) check_node ;;
debian)
    check_debian "${2-}"
    [ "${2-}" != test ] || fetch_promtool
    ;;
missing) missing_packages "${2-}" ;;
*) fail "unknown step: ${1-}" ;;
esac
