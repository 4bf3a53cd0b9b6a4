#!/bin/sh
# Makes a Python base image of Debian's packages, where the Containerfiles' own base cannot be pulled:
#
#   scripts/build_base_image.sh                       # as root, with debootstrap and buildah
#   PYTHON=localhost/python-base:3.11 BUILDAH_ISOLATION=chroot scripts/build_images.sh
set -eu
release=${RELEASE:-bookworm}
image=${IMAGE:-localhost/python-base:3.11}
export BUILDAH_ISOLATION=chroot

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip "$release" "$root/base"
ln -sf python3 "$root/base/usr/bin/python"
rm -rf "$root"/base/var/cache/apt/archives/*.deb "$root"/base/var/lib/apt/lists/*
tar -C "$root/base" --exclude='./proc/*' --exclude='./sys/*' -cf "$root/base.tar" .
container=$(buildah from scratch)
buildah add --quiet "$container" "$root/base.tar" /
buildah config --cmd python "$container"
buildah commit --quiet "$container" "$image"
buildah rm "$container" >/dev/null
echo "$image"
