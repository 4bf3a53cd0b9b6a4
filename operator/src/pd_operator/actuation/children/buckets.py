"""Edges of SGLang's latency histograms, with the objective among them.

A histogram tells the share of requests below an edge exactly, and between edges only by guess.
With the objective as an edge, attainment is a measurement.
"""

from pd_operator.api.objectives import Objective

TTFT_EDGES = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400)
"""SGLang 0.5.23's own edges of time to first token, in seconds."""

TPOT_EDGES = (
    *(0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08),
    *(0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8),
)
"""SGLang 0.5.23's own edges of inter-token latency and time per output token, in seconds."""


def edges_with(objective: Objective, edges: tuple[float, ...]) -> tuple[str, ...]:
    """The edges with the objective's limit among them, ascending, as command line arguments."""
    return tuple(f"{edge:g}" for edge in sorted({*edges, objective.seconds}))
