#!/bin/sh
# Runs the program of this file's name in the file system of an unpacked image, as the image's user.
set -eu
root=$PD_IMAGE_ROOT program=$(basename "$0")
install -m 0600 -o "${PD_IMAGE_USER%:*}" -g "${PD_IMAGE_USER#*:}" "$KUBECONFIG" "$root/tmp/kubeconfig"
export KUBECONFIG=/tmp/kubeconfig TMPDIR=/tmp HOME=/tmp PATH=$PD_IMAGE_PATH root program
# Mounts of its own, which end with the process.
exec unshare --mount /bin/sh -c '
    /bin/mount --rbind /dev "$root/dev"
    /bin/mount -t proc proc "$root/proc"
    exec /usr/sbin/chroot --userspec="$PD_IMAGE_USER" "$root" "$program" "$@"' in-image "$@"
