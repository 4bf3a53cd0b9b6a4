"""The load of the demo: steps, each of which asks for something else of the operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pd_e2e.loadgen.schedule import IntArray, poisson_arrivals


@dataclass(frozen=True)
class Step:
    """Requests of one kind for some seconds, as a Poisson process."""

    name: str
    seconds: float
    requests_per_second: float
    prompt_tokens: int
    output_tokens: int


STEPS = (
    Step("calm", 60, 0.4, 200, 40),
    # A prefill computes no more than two such prompts a second. Two decodes keep their objective
    # while what had waited for them is caught up, and where passes take half as long again.
    Step("busy", 180, 2.0, 200, 32),
    # Long answers to short questions: three decodes, and so little prefill that one worker has room
    # for a jump. They end within half a minute, so that decode can give its worker back.
    Step("long answers", 150, 0.9, 20, 150),
    Step("busy again", 150, 2.0, 200, 32),
    Step("calm again", 120, 0.25, 200, 40),
)


def duration_seconds(steps: Sequence[Step] = STEPS) -> float:
    """How long the steps last together."""
    return sum(step.seconds for step in steps)


def step_at(seconds: float, steps: Sequence[Step] = STEPS) -> str:
    """The name of the step that is on; of the last one after its end."""
    for step in steps:
        seconds -= step.seconds
        if seconds < 0:
            return step.name
    return steps[-1].name


def write_load(path: Path, seed: int = 0, steps: Sequence[Step] = STEPS) -> None:
    """Write the arrivals as a file that the load generator plays."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum([0.0, *(step.seconds for step in steps)])
    requests = np.array([step.requests_per_second * step.seconds for step in steps])
    seconds = poisson_arrivals(edges, requests, rng)
    which = np.searchsorted(edges, seconds, side="right") - 1
    prompts = np.array([step.prompt_tokens for step in steps])[which]
    outputs = np.array([step.output_tokens for step in steps])[which]
    columns = {
        "arrival_s": seconds,
        "input_tokens": _around(prompts, rng),
        "output_tokens": _around(outputs, rng),
    }
    pq.write_table(pa.table(columns), path)


def _around(means: IntArray, rng: np.random.Generator) -> IntArray:
    """Lengths from half the mean to one and a half."""
    return rng.integers(means // 2, means + means // 2, endpoint=True)
