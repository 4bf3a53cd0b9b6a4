"""A pair of the real SGLang on the CPU, and a simulated pair beside it with the same flags."""

from collections.abc import Iterator

import pytest

from pd_e2e.engine.processes import Fleet, Process
from pd_e2e.sglang.environment import ensure_environment
from pd_e2e.sglang.pace import Pace
from pd_e2e.sglang.processes import SglangFleet

PACE = Pace(prefill_ms=5.0, prefill_token_ms=2.0, decode_ms=5.0, decode_sequence_ms=0.5)
"""A prompt of 500 tokens takes a second: long enough to look at the worker meanwhile."""

FLIPS = ("--enable-pd-role-switch", "--disaggregation-decode-enable-radix-cache")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Process]]:
    """A prefill and a decode of SGLang."""
    fleet = SglangFleet(tmp_path_factory.mktemp("real"), ensure_environment())
    try:
        yield fleet.pair(*FLIPS, *PACE.arguments())
    finally:
        fleet.stop()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Process]]:
    """A prefill and a decode of the simulator, which take what the real ones take."""
    fleet = Fleet(tmp_path_factory.mktemp("simulated"))
    try:
        yield fleet.pair(*FLIPS, "--context-length", "2048", "--max-total-tokens", "8192")
    finally:
        fleet.stop()
