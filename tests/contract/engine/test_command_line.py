"""The command line is the real server's: nothing less, nothing more."""

import os
import subprocess
import sys

import pytest

SERVE = (sys.executable, "-m", "pd_e2e.engine", "serve")
MINIMAL = ("--model-path", "m", "--disaggregation-mode", "decode")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    "flag",
    [
        "--disaggregation-decode-tp",
        "--prefill-round-robin-balance",
        "--collect-tokens-histogram",
        "--pd-engine-profile",
    ],
)
def test_flags_that_the_real_server_does_not_have_are_refused(flag: str) -> None:
    done = run(*SERVE, *MINIMAL, flag)
    assert done.returncode == 2
    assert f"unrecognized arguments: {flag}" in done.stderr


def test_help_lists_the_real_flags() -> None:
    done = run(*SERVE, "--help")
    assert done.returncode == 0
    assert "--disaggregation-transfer-backend" in done.stdout
    assert "--mem-fraction-static" in done.stdout


def test_a_model_is_needed() -> None:
    done = run(*SERVE, "--disaggregation-mode", "decode")
    assert done.returncode == 2
    assert "--model-path" in done.stderr


def test_a_tensor_parallel_size_without_a_table_is_refused_by_name() -> None:
    done = run(*SERVE, *MINIMAL, "--tp-size", "3")
    assert done.returncode == 2
    assert "has no tensor-parallel size 3" in done.stderr


def test_an_unknown_profile_is_refused_by_name() -> None:
    done = run(*SERVE, *MINIMAL, PD_ENGINE_PROFILE="gpt-9")
    assert done.returncode == 2
    assert "gpt-9" in done.stderr


def test_the_version_is_that_of_the_server_it_stands_for() -> None:
    assert "0.5.23" in run(sys.executable, "-m", "pd_e2e.engine", "version").stdout


def test_the_command_explains_itself_without_a_sub_command() -> None:
    done = run(sys.executable, "-m", "pd_e2e.engine")
    assert done.returncode == 2
    assert "usage: sglang" in done.stderr
