#!/bin/sh
# Make a virtual environment with ai-dynamo's replay, for the benchmarks that compare with it.
# It cannot be an extra: it pins an older kubernetes client, and what else it asks for the replay
# does not need.
set -eu
venv=${1:?usage: scripts/install_dynamo.sh VENV}
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --no-deps \
    ai-dynamo==1.5.1 ai-dynamo-runtime==1.5.1 aiconfigurator-core==0.12.0
"$venv/bin/pip" install --quiet \
    'pydantic<=2.13' uvloop msgspec prometheus-client pyzmq typing-extensions zstandard pyyaml \
    'numpy>=2' tqdm
echo "PD_DYNAMO_PYTHON=$venv/bin/python make bench-simulator"
