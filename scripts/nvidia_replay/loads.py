"""The loads that NVIDIA's replay is played with, and who serves them."""

from dataclasses import replace
from functools import partial

import numpy as np
from scripts.policy_lab.loads import Lengths, blended_lengths, drawn_arrivals
from scripts.policy_lab.scenarios import Scenario, Site, scenario

from pd_operator.simulation import Requests

STARTUP_SECONDS = 60

SINE = scenario("nvidia-sine", "test")
"""NVIDIA's own planner test: 5 to 45 requests/s and back in ten minutes, for half an hour."""

SINE_WITH_PAST = replace(SINE, past=SINE.draw, past_seconds=1800.0)
"""The same after half an hour of it, drawn anew."""

_CHAT, _REPORT = Lengths(1000, 600), Lengths(6000, 100)
_RATE = 25.0
_CORNERS = (600.0, 900.0, 1500.0, 1800.0)
"""The way there begins and ends, the way back begins and ends: seconds."""
_END_SECONDS = 2400.0


def _mix(rng: np.random.Generator, end_seconds: float) -> Requests:
    arrivals = drawn_arrivals(lambda at: np.full_like(at, _RATE), end_seconds, rng)
    share = np.interp(arrivals, _CORNERS, (0.0, 1.0, 1.0, 0.0))
    return blended_lengths(arrivals, _CHAT, _REPORT, share, rng)


MIX_SHIFT = Scenario(
    "mix-shift",
    "test",
    Site("llama-3.1-8b-h200", 500, 12),
    partial(_mix, end_seconds=_END_SECONDS),
)
"""25 requests/s all the time, whose prompts get long and answers short, and back."""
