"""What SGLang says before it ends, as a pod's status has it, and the sentence that is quoted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.engine.processes import Process
from pd_e2e.sglang.environment import ensure_environment
from pd_e2e.sglang.processes import READY_SECONDS, SglangFleet
from pd_operator.telemetry.last_words import telling_sentence

KEPT_BYTES = 2048
"""What the kubelet keeps of a log (FallbackToLogsOnError)."""

WRONG: dict[str, tuple[Callable[[Process], tuple[str, ...]], str]] = {
    "no model": (
        lambda _: ("--model-path", "/models/llama"),
        "no model at '/models/llama': no such folder",
    ),
    "unknown flag": (lambda _: ("--no-such-flag",), "unrecognized arguments: --no-such-flag"),
    "no transfer backend": (
        lambda _: ("--disaggregation-transfer-backend", "nixl"),
        "Please install NIXL",
    ),
    "port in use": (lambda other: ("--host", other.host), "address already in use"),
}
"""Flags by what is wrong with them, and what must be in the sentence."""


@pytest.mark.parametrize("what", WRONG)
def test_it_tells_what_is_wrong_in_its_last_words(
    real: tuple[Process, Process], tmp_path: Path, what: str
) -> None:
    flags, sentence = WRONG[what]
    fleet = SglangFleet(tmp_path, ensure_environment())
    try:
        engine = fleet.engine("prefill", *flags(real[0]))
        assert engine.exit_code(READY_SECONDS) != 0
        said = engine.output().encode()[-KEPT_BYTES:].decode(errors="replace")
        assert sentence in telling_sentence(said), said
    finally:
        fleet.stop()
