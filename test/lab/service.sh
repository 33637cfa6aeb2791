#!/bin/sh
# A systemd of our own that runs the installed service: systemd's "user" form, which is the same program and, as root,
# makes services the same way; with /run, /etc, /usr/local and /var/lib of its own, and a control group of its own.
#   service.sh ROOT CONFIGURATION GROUP    ROOT: the checkout. GROUP: a name that nobody else has.
# Writes `group DIRECTORY` first. Ends with 77, and says why, where the system gives us none of this.
set -eu

cannot() {
    echo "cannot: $1"
    exit 77
}

if [ "${4-}" != inside ]; then
    all=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
    [ -n "$all" ] || cannot "there is no cgroup2"
    mkdir "$all/$3" 2>/dev/null || cannot "$all cannot be written"
    echo "group $all/$3"
    echo $$ >"$all/$3/cgroup.procs"
    exec unshare --mount --cgroup --propagation private sh "$0" "$1" "$2" "$3" inside
fi

cp "$2" "/tmp/$3.toml"
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs -o mode=755 none /run
for folder in etc usr/local var/lib; do
    over=/run/over/$folder
    mkdir -p "$over/upper" "$over/work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$over/upper,workdir=$over/work" none "/$folder" ||
        cannot "there is no overlay over /$folder"
done

make -s -C "$1" install >&2
systemd-sysusers >&2
cp "/tmp/$3.toml" /etc/postern/postern.toml
rm "/tmp/$3.toml"
systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/postern.conf >&2

# A user manager finds its directories in other variables than that of the system.
export XDG_RUNTIME_DIR=/run XDG_CONFIG_HOME=/var/lib XDG_STATE_HOME=/var/lib
mkdir -p /run/systemd/system /run/systemd/user/postern.service.d
ln -s /usr/local/lib/systemd/system/*.service /run/systemd/user/
# Debian's, for those who come from there.
[ ! -e /lib/systemd/system/knockd.service ] || ln -s /lib/systemd/system/knockd.service /run/systemd/user/
# There is no journal here; and nobody waits for what starts again.
printf '[Service]\nStandardError=append:/run/postern.log\n' >/run/systemd/user/postern.service.d/00-log.conf
for unit in knockd postern-knockd; do
    mkdir /run/systemd/user/$unit.service.d
    printf '[Service]\nStandardOutput=append:/run/%s.log\nStandardError=inherit\n' $unit >/run/systemd/user/$unit.service.d/00-log.conf
done
printf 'RestartSec=100ms\n' >>/run/systemd/user/postern-knockd.service.d/00-log.conf
printf '[Unit]\nDefaultDependencies=no\n' >/run/systemd/user/default.target
: >/run/postern.log
unset NOTIFY_SOCKET
for program in /usr/lib/systemd/systemd /lib/systemd/systemd; do
    [ ! -x "$program" ] || exec "$program" --user
done
cannot "systemd is not installed"
