"""How far ahead a pool has to look: until a worker that is ordered now can serve."""

from collections.abc import Iterable

import numpy as np

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import sustained_bins
from pd_operator.scaling.observation import Observation, WorkerObservation

LONGEST_STARTUP_SECONDS = 3_600.0
"""A measured start-up that is longer is not counted on, unless the spec expects so much.

The longest that people tell of is 45 minutes, of a large model from cold storage
(sgl-project/sglang #3825); what takes longer was a fault, such as an image or a volume that was
away for hours, and says nothing of the next worker. A forecast so far ahead is another day's.
"""

STARTUP_PERCENTILE = 90
"""Of the measured start-ups: one in ten may be later than a pool counts on."""


def lead_time_seconds(spec: PDInferenceServiceSpec, seen: Observation, role: Role) -> float:
    """Seconds until a worker of the pool that the next decision orders takes requests.

    The start-up (measured P90, within bounds; before any, the expected one) and one tick until the
    next decision; the spec may ask for a margin. How old the newest bin is belongs to the forecast,
    which counts from there. How long a node takes to come nobody knows: it is no part of it.
    """
    autoscaling = spec.autoscaling
    startup = startup_seconds(spec, seen, role)
    return startup + autoscaling.period_seconds + autoscaling.forecast.lead_margin_seconds


def startup_seconds(spec: PDInferenceServiceSpec, seen: Observation, role: Role) -> float:
    """Seconds from a worker's node to its first request: the measured P90, within bounds.

    Before any was measured, the expected one.
    """
    expected = float(spec.pool(role).expected_startup_seconds)
    longest = max(expected, LONGEST_STARTUP_SECONDS)
    workers = seen.pool(role).workers
    usual = [worker for worker in workers if (worker.startup_seconds or 0.0) <= longest]
    measured = measured_startup_seconds(usual)
    if measured is not None:
        return measured
    return longest if measured_startup_seconds(workers) is not None else expected


def horizon_seconds(spec: PDInferenceServiceSpec, seen: Observation, role: Role) -> float:
    """Seconds ahead at which the pool's load is forecast: the middle of a sustained stretch.

    A pool is sized for a load that lasts as long as `SUSTAINED_SECONDS`; the stretch that the next
    worker can serve begins one lead time from now.
    """
    resolution = spec.autoscaling.forecast.resolution_seconds
    half_a_stretch = sustained_bins(resolution) // 2 * resolution
    return lead_time_seconds(spec, seen, role) + half_a_stretch


def measured_startup_seconds(workers: Iterable[WorkerObservation]) -> float | None:
    """P90 of the start-ups that can be read from these workers; None if there is none."""
    measured = [w.startup_seconds for w in workers if w.startup_seconds is not None]
    return float(np.percentile(measured, STARTUP_PERCENTILE)) if measured else None
