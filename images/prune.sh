#!/bin/sh
# Takes out of an installed environment what nothing here loads: the libraries' own test suites, example data and sources
# of what is compiled, and of the Kubernetes client (70 MB) the typed API and its second copy for asyncio. Our door to the
# API server, actuation/cluster.py, speaks JSON through the client's ApiClient. What is left is imported, so that a library
# that has changed fails the build.
set -eu
environment=$1
packages=$(echo "$environment"/lib/python3*/site-packages)
find "$environment/lib" -type d -name tests -prune -exec rm -rf {} +
find "$packages" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) -delete
rm -rf "$packages/kubernetes/aio" "$packages/statsmodels/datasets"
for generated in api models; do
    find "$packages/kubernetes/client/$generated" -name '*.py' ! -name __init__.py -delete
done
modules='pd_operator.actuation.cluster pd_operator.routing.sidecar'
if [ -d "$packages/statsmodels" ]; then
    modules="$modules statsmodels.tsa.statespace.sarimax statsmodels.tsa.statespace.structural statsmodels.tsa.holtwinters"
fi
# shellcheck disable=SC2086 - several modules
"$environment/bin/python" -B -c 'import sys
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)' $modules
