"""A build that fails says what the compiler said."""

from pathlib import Path

import pytest

from pd_e2e.cluster.compiler import BuildError, go_build


def test_the_end_of_the_compilers_output_is_in_the_error(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo 'x.go:1: syntax error' >&2; exit 1"]
    with pytest.raises(BuildError, match="syntax error"):
        go_build(command, tmp_path, report=lambda detail: None)


def test_a_build_that_succeeds_is_quiet(tmp_path: Path) -> None:
    go_build(["sh", "-c", 'test "$CGO_ENABLED" = 0'], tmp_path, report=lambda detail: None)
