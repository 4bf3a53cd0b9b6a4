"""DOPD: the number of prefill workers that keeps one decode worker's batch full.

Source: Liao et al., arXiv 2511.20982, 2025, and the planner published with it (liao4s/DOPD,
`examples/vllm_v0/components/planner_dopd.py`). With ISL and OSL the mean prompt and answer, a
decode worker that holds at most cc sequences makes cc / (OSL TPOT) requests per second, a prefill
worker 1 / TTFT(ISL), so that P/D = TTFT(ISL) cc / (OSL TPOT(cc)).

Faults of the published planner, kept in `as_published` and put right in `corrected`:

1. P is the ratio for one decode worker, never multiplied by D.
2. D divides the requests that arrive in an interval by cc; right only where a request takes as
   long as the interval. By Little's law it is rate OSL TPOT / cc.
3. The TPOT objective is computed with and then not used: cc is what fits the memory.
4. The KV memory is a literal, 2040 blocks of 128 tokens, and not the engine's.
5. Its correction of prefill does not enter P, and neither does the TTFT objective: a pool at the
   ratio runs prefill at full utilization, where waits have no end.
6. The ratio is rounded up: fewer P than D cannot be said.
7. Its budget loop does not end where the minimum alone exceeds the budget. It is not copied; what
   a budget allows is `planning.budget`'s.
"""

import math
from dataclasses import dataclass

from pd_operator.planning.plan import Counts

BLOCK_TOKENS = 128
PUBLISHED_BLOCKS = 2040
PUBLISHED_INTERVAL_SECONDS = 10.0
"""Interval of the published configurations."""


@dataclass(frozen=True)
class Lengths:
    """Mean tokens of a prompt and of an answer."""

    prompt: float
    output: float

    @property
    def context(self) -> float:
        """Tokens of KV of a sequence halfway through its answer."""
        return self.prompt + self.output / 2


def published_concurrency(lengths: Lengths) -> int:
    """Sequences that fit the published planner's literal memory."""
    blocks = math.ceil(lengths.context / BLOCK_TOKENS)
    return max(1, PUBLISHED_BLOCKS // blocks)


def ratio(
    prefill_seconds: float, concurrency: float, output_tokens: float, step_seconds: float
) -> float:
    """Prefill workers per decode worker: TTFT(ISL) cc / (OSL TPOT(cc))."""
    return concurrency * prefill_seconds / (output_tokens * step_seconds)


def as_published(
    requests_per_second: float,
    lengths: Lengths,
    prefill_seconds: float,
    step_seconds: float,
    interval_seconds: float = PUBLISHED_INTERVAL_SECONDS,
) -> Counts:
    """The published planner's counts, faults and all.

    `prefill_seconds`: TTFT of an idle prefill worker at the mean prompt; `step_seconds`: TPOT with
    `published_concurrency` sequences.
    """
    concurrency = published_concurrency(lengths)
    one = ratio(prefill_seconds, concurrency, lengths.output, step_seconds)
    share = requests_per_second * interval_seconds / concurrency
    return Counts(
        prefill=max(1, math.ceil(one)),
        decode=max(1, math.ceil(share)),
        prefill_share=one,
        decode_share=share,
        sentence=(
            f"DOPD as published: {concurrency} sequences fit a decode worker, which "
            f"{one:.2f} prefill workers feed."
        ),
    )


def corrected(
    requests_per_second: float,
    lengths: Lengths,
    prefill_seconds: float,
    wait_seconds: float,
    concurrency: float,
    step_seconds: float,
) -> Counts:
    """DOPD's ratio with the right capacities put in.

    - `prefill_seconds`: mean over the prompts, not that of the mean prompt.
    - `wait_seconds`: mean time in queue and prefill that the TTFT objective leaves; of M/M/1, a
      worker then takes 1 / prefill_seconds - 1 / wait_seconds requests per second.
    - `concurrency`, `step_seconds`: the largest batch within the TPOT objective and the engine's
      own KV room, and its step.
    """
    taken = 1 / prefill_seconds - 1 / wait_seconds if wait_seconds > 0 else 0.0
    if taken <= 0:
        raise ValueError("the TTFT objective leaves no time for a mean prompt")
    decode = requests_per_second * lengths.output * step_seconds / concurrency
    prefill = decode * ratio(1 / taken, concurrency, lengths.output, step_seconds)
    return Counts(
        prefill=max(1, math.ceil(prefill - 1e-9)),
        decode=max(1, math.ceil(decode - 1e-9)),
        prefill_share=prefill,
        decode_share=decode,
        sentence=(
            f"DOPD, corrected: a decode worker holds {concurrency:.0f} sequences within the "
            f"objective, a prefill worker takes {taken:.2f} requests/s within its own."
        ),
    )
