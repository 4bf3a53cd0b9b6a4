#!/bin/sh
# kubectl pd, with its libraries beside it under lib/. Needs a Python of a version that is there.
set -eu
here=$0
# krew puts a link to this file on the PATH.
while [ -L "$here" ]; do
    link=$(readlink "$here")
    case $link in
        /*) here=$link ;;
        *) here=$(dirname "$here")/$link ;;
    esac
done
here=$(cd "$(dirname "$here")" && pwd)

versions=
for libraries in "$here"/lib/python3.*/site-packages; do
    version=${libraries%/site-packages}
    version=${version##*/python}
    versions="$versions $version"
    for python in "python$version" python3; do
        if "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1])' "$version" 2>/dev/null; then
            exec "$python" -I -c 'import sys
sys.path.insert(0, sys.argv.pop(1))
sys.argv[0] = "kubectl-pd"
from pd_operator.cli.kubectl_pd import main
main()' "$libraries" "$@"
        fi
    done
done
echo "error: kubectl pd needs Python$versions on the PATH; with another one: pip install 'pd-operator[cli]'" >&2
exit 1
