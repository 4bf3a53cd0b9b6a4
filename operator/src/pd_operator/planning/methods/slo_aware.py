"""SLO-aware allocation: M/M/1 prefill from its maximum throughput, decode from its batch curve.

Source: L. Li, D. Li, B. Gong, Y. Zhang, "SLO-Aware Compute Resource Allocation for
Prefill-Decode Disaggregated LLM Inference", arXiv 2603.04716, 2026; numbers of equations are the
paper's. A prefill worker of maximum throughput T (tokens/s, measured with one output token at
saturation) may run at T - L_in / (TTFT - overhead) (13); decode at batch / TPOT(batch) of the
largest batch within the TPOT objective; pools then share the total by (5) and (6).

Limits of the paper, of which `as_published` keeps the first two and `corrected` none but the last:

1. TTFT is a mean. An M/M/1 sojourn is exponential, so a percentile p takes ln(1 / (1 - p)) times
   as much room: 2.3 times for P90, 4.6 for P99.
2. Counts are rounded to the nearest, which in its own experiment cost 4 % of the load.
3. Prompts that are cached count as if they were computed; here only uncached tokens count.
4. No KV room on decode; here the batch is limited by it too.
5. Every prefill worker is a queue of its own (M/M/1), whatever the router knows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pd_operator.planning.plan import Counts


@dataclass(frozen=True)
class Workload:
    """Tokens per second of prompts and answers together, and mean tokens of each."""

    tokens_per_second: float
    prompt: float
    output: float

    @property
    def prompt_tokens_per_second(self) -> float:
        """The prompts' part of the total."""
        return self.tokens_per_second * self.prompt / (self.prompt + self.output)

    @property
    def output_tokens_per_second(self) -> float:
        """The answers' part of the total."""
        return self.tokens_per_second * self.output / (self.prompt + self.output)


def prefill_throughput(
    maximum: float, prompt: float, ttft_seconds: float, overhead_seconds: float, room: float = 1.0
) -> float:
    """Tokens per second that a prefill worker may take: equation 13, with `room` for 1.

    `room`: 1 for a mean TTFT, ln(1 / (1 - p)) for a percentile. `ValueError` where the objective
    is out of reach.
    """
    left = ttft_seconds - overhead_seconds
    taken = maximum - room * prompt / left if left > 0 else 0.0
    if taken <= 0:
        raise ValueError("the TTFT objective leaves no time for a mean prompt")
    return taken


def as_published(workload: Workload, prefill_rate: float, decode_rate: float) -> Counts:
    """Equations 5 and 6, to the nearest whole."""
    return _counts(workload, prefill_rate, decode_rate, round, "as published")


def corrected(workload: Workload, prefill_rate: float, decode_rate: float) -> Counts:
    """Equations 5 and 6, rounded up."""
    return _counts(workload, prefill_rate, decode_rate, _up, "corrected")


def _counts(
    workload: Workload,
    prefill_rate: float,
    decode_rate: float,
    whole: Callable[[float], int],
    which: str,
) -> Counts:
    prefill = workload.prompt_tokens_per_second / prefill_rate
    decode = workload.output_tokens_per_second / decode_rate
    return Counts(
        prefill=max(1, whole(prefill)),
        decode=max(1, whole(decode)),
        prefill_share=prefill,
        decode_share=decode,
        sentence=(
            f"SLO-aware allocation, {which}: a prefill worker takes {prefill_rate:,.0f} tokens/s, "
            f"a decode worker makes {decode_rate:,.0f}; that is {prefill:.2f} and {decode:.2f}."
        ),
    )


def _up(workers: float) -> int:
    return math.ceil(workers - 1e-9)
