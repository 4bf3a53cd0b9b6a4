"""DistServe's own queue model of a prefill worker: M/D/1, and what parallelism does to it.

Source: Y. Zhong et al., "DistServe: Disaggregating Prefill and Decoding for Goodput-optimized Large
Language Model Serving", OSDI 2024 (arXiv 2401.09670), section 3. Times in seconds, R a rate; each
formula needs a utilization below one and is infinite otherwise.

Its fault: every prompt is taken to be equally long. With the lengths of real traces (a variation of
about one) waits are twice as long, and up to three times where the router knows nothing of the
load. It explains a choice; workers are sized by simulation or by `planning.queueing`.
"""

import math


def average_ttft(rate: float, seconds: float) -> float:
    """One device: D + R D^2 / (2 (1 - R D))."""
    if rate * seconds >= 1:
        return math.inf
    return seconds + rate * seconds**2 / (2 * (1 - rate * seconds))


def average_ttft_inter_op(rate: float, seconds: float) -> float:
    """Two devices as a pipeline: D + R D^2 / (4 (2 - R D)).

    A prompt takes as long as alone, and the next may follow after half of it.
    """
    if rate * seconds >= 2:
        return math.inf
    return seconds + rate * seconds**2 / (4 * (2 - rate * seconds))


def average_ttft_intra_op(rate: float, seconds: float, speed_up: float) -> float:
    """Two devices as one, K times as fast: D / K + R D^2 / (2 K (K - R D)), 1 < K < 2."""
    if rate * seconds >= speed_up:
        return math.inf
    return seconds / speed_up + rate * seconds**2 / (2 * speed_up * (speed_up - rate * seconds))
