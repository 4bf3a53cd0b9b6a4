"""The step times that the tiny model is given, so that each engine has a capacity of its own.

Without them two engines on two cores are no faster than one. `e2e/sglang/hooks/engine_pace.py`
sleeps after each pass, so that the time that the machine itself takes comes on top: 10 ms, and
ten times that where other work has most of the machine. The pace is slow enough for both.
"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Pace:
    """Milliseconds of a pass: of each, and of each token of a prompt or sequence in decode."""

    prefill_ms: float = 10.0
    prefill_token_ms: float = 2.4
    decode_ms: float = 80.0
    decode_sequence_ms: float = 8.0

    def arguments(self) -> list[str]:
        """The engine's arguments that set the pace."""
        hook = {
            "name": "pace",
            "target_modules": ["model"],
            "hook_factory": "engine_pace:pace",
            "config": asdict(self),
        }
        return ["--forward-hooks", json.dumps([hook])]
