#!/usr/bin/env bash
# Runs a command in the root of an image as a container would: on a read-only root, as the image's user, in its directory.
# $1: the root. $2: uid. $3: gid. $4: the working directory. $5: what is mounted at /var/lib/signet. Then the command.
# To be called in a mount and a pid namespace of its own. The environment is passed on.
set -euo pipefail
root=$1 uid=$2 gid=$3 directory=$4 state=$5
shift 5
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$state" "$root/var/lib/signet"
mount -o remount,bind,ro "$root"
exec unshare --root="$root" --wd="$directory" --setgid="$gid" --setuid="$uid" "$@"
