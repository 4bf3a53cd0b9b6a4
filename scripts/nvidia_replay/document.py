"""`docs/benchmarks/nvidia.md`: what was replayed, and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from scripts.nvidia_replay.plays import PLAYS, SINE_PLAY, Minute, Outcome, Play

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "nvidia.md"
Outcomes = Mapping[Play, Sequence[Outcome]]

_HEAD = """# NVIDIA's replay: another group's judge

Written by `make bench-nvidia`. `ai-dynamo==1.5.1` has a replay in which any Python object may size
the pools. Here it is the operator's own decision, through the [decision port](../decision-port.md):
the same forecast, plan and chain as in a cluster, behind scrapes each 5 s that are known a second
later, one in fifty of which fails.

```
scripts/install_dynamo.sh VENV
PD_DYNAMO_PYTHON=VENV/bin/python make bench-nvidia
```

Workers are Dynamo's (its defaults, vLLM's scheduler, 64 GB/s between them, round robin) with the
bundled profile `llama-3.1-8b-h200`. They take 60 s to start, and a service begins with 2 + 2 of at
most 10 + 10. The spec has the API's defaults but for bounds, profile, objectives, start-up and
`router.prefillPolicy: RoundRobin`, which is the router that stands there. GPU-hours are Dynamo's,
workers that start or drain included.
"""

_SINE = """
## NVIDIA's planner test

Half an hour of a sine from 5 to 45 requests/s and back in ten minutes, 3000 prompt and 300 output
tokens each, TTFT 200 ms, TPOT 10 ms. The share is of all requests, within both objectives.
"""

_AFTER_SINE = """
*History* is the half hour before, drawn anew, as Prometheus would have it. *Told of another router*
leaves `prefillPolicy` at its default, PowerOfTwo: with prompts that are all alike it spreads them
less evenly than round robin does, so plans that trust the spec have more prefill workers than this
router needs. A spec that describes the router saves them.
"""

_MIX = """
## A mix that shifts

25 requests/s for forty minutes. From minute 10 to 15 requests of 1000 prompt and 600 output tokens
give way to such of 6000 and 100; from minute 25 to 30 they come back. TTFT 500 ms, TPOT 12 ms.
"""

_TOLD = """
## What the operator is told

Dynamo's hook tells, each 5 s: requests that came, requests that ended with the means of their
lengths and latencies, workers that serve, start and drain, and of each worker its last pass and
what waited. `scripts/nvidia_replay/translation.py` makes of it what Prometheus and `/v1/loads` tell
in a cluster. Prompt lengths are taken from the trace, as a router's histogram has them at arrival;
answers are all taken for the mean of those that ended since. Each worker's counter of computed
tokens is its even share of what came and does not wait.
"""


def write_document(outcomes: Outcomes) -> None:
    """Write the page."""
    PAGE.write_text(document(outcomes), encoding="utf-8")


def document(outcomes: Outcomes) -> str:
    """The page."""
    sine, mix = (
        [play for play in PLAYS if play.figure.startswith(f"nvidia_{kind}")]
        for kind in ("sine", "mix")
    )
    return "".join(
        (
            _HEAD,
            _SINE,
            _table(sine, outcomes),
            _AFTER_SINE,
            "\nThe new service with the first seed, minute by minute:\n\n",
            _time_line(outcomes[SINE_PLAY][0].minutes),
            _MIX,
            _table(mix, outcomes),
            _TOLD,
        )
    )


def _table(plays: Sequence[Play], outcomes: Outcomes) -> str:
    count = len(outcomes[plays[0]])
    rows = "".join(
        f"| {play.words} | {_spread([100 * one.share for one in outcomes[play]], 1)} | "
        f"{_spread([one.gpu_hours for one in outcomes[play]], 2)} |\n"
        for play in plays
    )
    return (
        f"\n| pools | % within both, mean of {count} seeds (least to most) | GPU-hours |\n"
        f"|---|---|---|\n{rows}"
    )


def _spread(values: Sequence[float], digits: int) -> str:
    least, most = min(values), max(values)
    return f"{mean(values):.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


def _time_line(minutes: Sequence[Minute]) -> str:
    rows = "".join(
        f"| {number} | {one.requests / 60:.1f} | {one.missed} | "
        f"{one.prefill_serving} + {one.decode_serving} | "
        f"{one.prefill_wanted} + {one.decode_wanted} |\n"
        for number, one in enumerate(minutes, 1)
    )
    return (
        "| minute | requests/s | out of the objectives | ready at its end, P + D | wanted |\n"
        f"|---|---|---|---|---|\n{rows}"
    )
