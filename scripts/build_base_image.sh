#!/bin/sh
# Makes Python base images of Debian's packages, where the Containerfiles' own base cannot be pulled: IMAGE to build on,
# and RUNTIME for images to stand on, which has no pip.
#
#   scripts/build_base_image.sh                       # as root, with debootstrap and buildah
#   PYTHON=localhost/python-base:3.11 RUNTIME=localhost/python-runtime:3.11 BUILDAH_ISOLATION=chroot scripts/build_images.sh
set -eu
release=${RELEASE:-bookworm}
image=${IMAGE:-localhost/python-base:3.11}
runtime=${RUNTIME:-localhost/python-runtime:3.11}
export BUILDAH_ISOLATION=chroot

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/packages"

# make_image NAME PACKAGES
make_image() {
    root=$scratch/root
    debootstrap --variant=minbase --cache-dir="$scratch/packages" --include="$2" "$release" "$root"
    ln -sf python3 "$root/usr/bin/python"
    # What nobody reads in a container, as in Debian's own slim images, and the tables of iconv, which Python has of its
    # own. Licenses stay.
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/usr/share/man \
        "$root"/usr/share/info "$root"/usr/share/locale "$root"/usr/share/groff "$root"/usr/share/lintian
    rm -rf "$root"/usr/lib/*/gconv
    find "$root/usr/share/doc" ! -type d ! -name copyright -delete
    tar -C "$root" --exclude='./proc/*' --exclude='./sys/*' -cf "$scratch/root.tar" .
    rm -rf "$root"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$scratch/root.tar" /
    buildah config --cmd python "$container"
    buildah commit --quiet "$container" "$1" >/dev/null
    buildah rm "$container" >/dev/null
    echo "$1"
}

make_image "$image" python3,python3-venv,python3-pip
make_image "$runtime" python3
