#!/bin/sh
# Make a virtual environment in which the real SGLang serves a small model on a CPU.
# It cannot be an extra: SGLang pins its own versions of much that we use.
# usage: scripts/install_sglang.sh VENV     (does nothing where the same recipe has made it)
set -eu
venv=${1:?usage: scripts/install_sglang.sh VENV}
here=$(cd "$(dirname "$0")/../e2e/sglang" && pwd)
recipe=$(cat "$0" "$here"/*.txt "$here"/stand_ins/sgl_kernel/*.py | sha256sum | cut -c 1-16)
if [ "$(cat "$venv/.recipe" 2>/dev/null)" = "$recipe" ]; then exit 0; fi

python=${PYTHON:-python3} needed_gb=12
begun=$(date +%s)
say() { echo "[$(($(date +%s) - begun)) s] $*"; }
fail() {
    echo "scripts/install_sglang.sh: $*" >&2
    exit 1
}

say "SGLang on the CPU: 3 GB to download, 7 GB in $venv, once"
[ "$(uname -sm)" = "Linux x86_64" ] || fail "it needs Linux on x86-64, this is $(uname -sm)"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    fail "it needs Python 3.11 to 3.13; say which: PYTHON=python3.12"
mkdir -p "$(dirname "$venv")"
free_gb=$(df -Pk "$(dirname "$venv")" | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free_gb" -ge "$needed_gb" ] ||
    fail "$needed_gb GB are needed in $(dirname "$venv") while it installs, $free_gb GB are free"

# Mooncake loads both.
for library in libibverbs.so.1:libibverbs1 libnuma.so.1:libnuma1; do
    if ! ldconfig -p | grep -q "${library%%:*}"; then
        package=${library##*:}
        say "the system's $package, by apt-get"
        apt-get install -y -qq "$package" >/dev/null 2>&1 ||
            { apt-get update -qq && apt-get install -y -qq "$package"; } >/dev/null ||
            fail "install $package (${library%%:*}) with this system's package manager, then try again"
    fi
done

rm -rf "$venv"
"$python" -m venv "$venv"
# Downloads go there, too, so that they are counted below and go with the rest.
export TMPDIR="$venv/downloads"
mkdir "$TMPDIR"

# pip says nothing while it works; one sees by this that it goes on, and how far it is. It ends with
# the script, however that ends.
heartbeat() {
    exec "$python" -c '
import os, subprocess, sys, time
what, folder, begun, script = sys.argv[1:]
for second in range(1, 1 << 30):
    time.sleep(1)
    if os.getppid() != int(script):
        break
    if second % 15 == 0:
        du = subprocess.run(["du", "-sm", folder], capture_output=True, text=True).stdout
        size = int(du.split()[0]) / 1000
        print(f"[{time.time() - int(begun):.0f} s] {what}: {size:.1f} GB on disk", flush=True)
' "$1" "$venv" "$begun" $$
}
beat=
quiet() { if [ -n "$beat" ]; then kill "$beat" 2>/dev/null || true; fi; }
trap quiet EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
step() {
    what=$1
    shift
    say "$what"
    heartbeat "$what" &
    beat=$!
    "$venv/bin/pip" --quiet --disable-pip-version-check install \
        --constraint "$here/constraints.txt" "$@" 2>>"$venv/pip.log" || {
        cat "$venv/pip.log" >&2
        fail "pip could not install $what; what it had downloaded is not kept"
    }
    quiet
    beat=
}

step "1 of 3: torch" torch
step "2 of 3: SGLang" --no-deps --requirement "$here/requirements-alone.txt"
step "3 of 3: what SGLang asks for" --requirement "$here/requirements.txt"
rm -rf "$TMPDIR"
unset TMPDIR

say "a look whether it starts"
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp -r "$here/stand_ins/sgl_kernel" "$packages/"
# From an empty folder: a stray timeit.py there would be imported in place of the standard one.
mkdir "$venv/empty" && cd "$venv/empty"
# Operators that were compiled for CUDA do not load beside a torch without it, and are not needed.
"$venv/bin/python" -c 'import torchvision' 2>/dev/null ||
    echo '# Emptied: the compiled operators do not load.' >"$packages/torchvision/_meta_registrations.py"
help=$(SGLANG_USE_CPU_ENGINE=1 "$venv/bin/python" -W ignore -m sglang.launch_server --help 2>&1) || {
    echo "$help" | tail -5 >&2
    fail "it does not start"
}
case $help in
*--enable-pd-role-switch*) ;;
*) fail "it is not the release that was wanted: it cannot switch roles" ;;
esac
echo "$recipe" >"$venv/.recipe"
say "done"
