#!/bin/sh
# Make a virtual environment in which the real SGLang serves a small model on a CPU.
# It cannot be an extra: SGLang pins its own versions of much that we use.
# usage: scripts/install_sglang.sh VENV     (does nothing where the same recipe has made it)
set -eu
venv=${1:?usage: scripts/install_sglang.sh VENV}
here=$(cd "$(dirname "$0")/../e2e/sglang" && pwd)
recipe=$(cat "$0" "$here"/*.txt "$here"/stand_ins/sgl_kernel/*.py | sha256sum | cut -c 1-16)
if [ "$(cat "$venv/.recipe" 2>/dev/null)" = "$recipe" ]; then exit 0; fi

begun=$(date +%s)
say() { echo "[$(($(date +%s) - begun)) s] $*"; }
pip() { "$venv/bin/pip" --quiet --disable-pip-version-check install "$@" 2>>"$venv/pip.log" || {
    cat "$venv/pip.log" >&2; exit 1; }; }

say "SGLang on the CPU: 3 GB to download, 7 GB in $venv, once; three minutes or more"
for library in libibverbs.so.1:libibverbs1 libnuma.so.1:libnuma1; do
    if ! ldconfig -p | grep -q "${library%%:*}"; then
        say "the system's ${library##*:}, which Mooncake loads"
        apt-get install -y -qq "${library##*:}" >/dev/null 2>&1 ||
            { apt-get update -qq && apt-get install -y -qq "${library##*:}"; } >/dev/null || {
            echo "install ${library##*:} with this system's package manager, then try again" >&2
            exit 1
        }
    fi
done

rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
say "1 of 3: torch"
pip --constraint "$here/constraints.txt" torch
say "2 of 3: SGLang"
pip --no-deps --constraint "$here/constraints.txt" --requirement "$here/requirements-alone.txt"
say "3 of 3: what SGLang asks for"
pip --constraint "$here/constraints.txt" --requirement "$here/requirements.txt"

packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp -r "$here/stand_ins/sgl_kernel" "$packages/"
# From an empty folder: a stray timeit.py there would be imported in place of the standard one.
mkdir "$venv/empty" && cd "$venv/empty"
# Operators that were compiled for CUDA do not load beside a torch without it, and are not needed.
"$venv/bin/python" -c 'import torchvision' 2>/dev/null ||
    echo '# Emptied: the compiled operators do not load.' >"$packages/torchvision/_meta_registrations.py"
SGLANG_USE_CPU_ENGINE=1 "$venv/bin/python" -W ignore -m sglang.launch_server --help 2>&1 |
    grep -q -- --enable-pd-role-switch
echo "$recipe" >"$venv/.recipe"
say "done"
