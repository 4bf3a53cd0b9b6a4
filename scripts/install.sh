#!/bin/sh
# Make the virtual environment, with every version pinned by constraints.txt.
set -eu
python=$1 venv=$2
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
    echo "pd-operator needs Python 3.11 to 3.13; say which: make PYTHON=python3.12 ..." >&2
    exit 1
}
echo "Installing Python packages into $venv (once, about two minutes)"
"$python" -m venv "$venv"
# The variable, unlike the option, also holds for what builds the package.
PIP_CONSTRAINT=constraints.txt "$venv/bin/pip" install --quiet --disable-pip-version-check \
    --editable '.[dev]'
touch "$venv/.installed"
