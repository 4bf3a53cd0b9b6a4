"""How much slower or faster than its profile an engine really is, learned while it serves.

A profile is off by a factor per model, GPU and phase, and by a smaller one per region; both show
within minutes. So the correction is a median ratio of measured over expected time in each region,
within bounds: a wrong reading can mislead a plan by a factor of two and no more.
The scheme is that of aiconfigurator's tuned forward-pass model.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType

import numpy as np

from pd_operator.api.calibration import MINIMUM_SAMPLES
from pd_operator.api.roles import Role
from pd_operator.performance.counters import MINIMUM_PROMPTS, DecodeWork, PrefillWork
from pd_operator.performance.prefill_batching import Prompts, pace
from pd_operator.performance.profile import PerformanceProfile
from pd_operator.performance.regions import REGIONS
from pd_operator.performance.surfaces import EngineSurfaces
from pd_operator.performance.table import MonotoneTable

SAMPLES_KEPT = 64
"""Of each region; with the newest kept, an engine that changes is followed."""
OLDEST_SAMPLE_SECONDS = 6 * 3600.0
NEGLIGIBLE = 0.03
"""A ratio this near to 1 is the error of interpolation, not the engine's."""
SAMPLES_RESTORED = 8
"""So many count as known after a restart: enough to act on, few enough to be outvoted soon."""


@dataclass(frozen=True)
class RatioBounds:
    """Between which a ratio may lie."""

    low: float
    high: float

    def clip(self, ratio: float) -> float:
        """The ratio, or the bound that it is beyond."""
        return min(max(ratio, self.low), self.high)


PROFILE_BOUNDS = RatioBounds(0.5, 2.0)
"""For a profile of this very model and GPU."""
PRIOR_BOUNDS = RatioBounds(1 / 64, 64.0)
"""For the prior of a service without a profile: only its shape is believed."""


@dataclass(frozen=True)
class Sample:
    """At `time_seconds` the engine took `ratio` times as long as its surfaces say."""

    time_seconds: float
    ratio: float


@dataclass(frozen=True)
class RegionRatio:
    """A region's median ratio, unbounded, and what it stands on. `name` is one of the bands'."""

    name: str
    ratio: float
    samples: int
    newest_seconds: float

    @property
    def trusted(self) -> bool:
        """Whether there are samples enough to act on."""
        return self.samples >= MINIMUM_SAMPLES


@dataclass(frozen=True)
class RoleCalibration:
    """What was learned of one role's workers, by region.

    `version` names engine and profile that the samples are of: those of another are forgotten.
    `kv_tokens` is the KV capacity that the engines report, which no profile knows better.
    """

    role: Role
    version: str = ""
    samples: Mapping[int, tuple[Sample, ...]] = field(default_factory=lambda: MappingProxyType({}))
    kv_tokens: int | None = None

    @property
    def regions(self) -> tuple[RegionRatio, ...]:
        """Regions that have samples, in the order of their bands."""
        names = REGIONS[self.role].names
        return tuple(
            RegionRatio(
                names[index],
                median(sample.ratio for sample in kept),
                len(kept),
                kept[-1].time_seconds,
            )
            for index, kept in sorted(self.samples.items())
        )

    @property
    def trusted(self) -> bool:
        """Whether any region is acted on."""
        return any(region.trusted for region in self.regions)

    def of_version(self, version: str) -> "RoleCalibration":
        """The same for its own version; empty for another engine or another profile."""
        return self if version == self.version else RoleCalibration(self.role, version)

    def learning(self, region: int, sample: Sample) -> "RoleCalibration":
        """Add a sample; one that no engine can mean is passed over."""
        if not (math.isfinite(sample.ratio) and sample.ratio > 0):
            return self
        kept = (*self.samples.get(region, ()), sample)[-SAMPLES_KEPT:]
        return replace(self, samples=MappingProxyType({**self.samples, region: kept}))

    def forgetting(self, now_seconds: float) -> "RoleCalibration":
        """Drop what is old, but for as many samples as a median needs.

        A region that no load reaches at night is known still in the morning, and the first new
        samples outvote the few old ones.
        """
        oldest = now_seconds - OLDEST_SAMPLE_SECONDS
        left = {
            region: tuple(
                sample
                for place, sample in enumerate(kept, start=MINIMUM_SAMPLES - len(kept))
                if sample.time_seconds >= oldest or place >= 0
            )
            for region, kept in self.samples.items()
        }
        return replace(self, samples=MappingProxyType(left))

    def knowing_room(self, kv_tokens: int | None) -> "RoleCalibration":
        """Take the KV capacity that engines report; None leaves what was known."""
        return replace(self, kv_tokens=kv_tokens) if kv_tokens else self

    def factors(self, bounds: RatioBounds) -> tuple[float, ...]:
        """The correction of each band: three digits, so that a plan is not remade for noise.

        A band without samples enough is corrected as its nearest neighbor that has them (of two
        as near, the slower one); without any, nothing is corrected.
        """
        count = len(REGIONS[self.role].names)
        known = {
            index: _factor(median(sample.ratio for sample in kept), bounds)
            for index, kept in self.samples.items()
            if len(kept) >= MINIMUM_SAMPLES
        }
        if not known:
            return (1.0,) * count

        def nearest(band: int) -> float:
            return known[min(known, key=lambda index: (abs(index - band), -known[index]))]

        return tuple(nearest(band) for band in range(count))


def _factor(ratio: float, bounds: RatioBounds) -> float:
    return 1.0 if abs(ratio - 1) <= NEGLIGIBLE else float(f"{bounds.clip(ratio):.3g}")


@dataclass(frozen=True)
class Calibration:
    """What was learned of both roles' workers."""

    prefill: RoleCalibration = field(default_factory=lambda: RoleCalibration(Role.PREFILL))
    decode: RoleCalibration = field(default_factory=lambda: RoleCalibration(Role.DECODE))

    def of(self, role: Role) -> RoleCalibration:
        """What was learned of one role."""
        return self.prefill if role is Role.PREFILL else self.decode

    def replacing(self, learned: RoleCalibration) -> "Calibration":
        """The same with one role's knowledge replaced."""
        if learned.role is Role.PREFILL:
            return replace(self, prefill=learned)
        return replace(self, decode=learned)

    @property
    def trusted(self) -> bool:
        """Whether both roles were measured enough to act on."""
        return self.prefill.trusted and self.decode.trusted


def prefill_ratio(
    work: PrefillWork, prompts: Prompts, surfaces: EngineSurfaces
) -> tuple[int, float] | None:
    """Region and ratio of a stretch of prefill; None for so few prompts that chance decides.

    `prompts` are those that the whole service gets: an engine counts tokens, not prompts.
    """
    mean = prompts.mean
    if not (math.isfinite(mean) and mean > 0 and work.tokens >= MINIMUM_PROMPTS * mean):
        return None
    computed = work.tokens / mean
    ratio = pace(work.busy_seconds / computed, computed / work.elapsed_seconds, prompts, surfaces)
    return REGIONS[Role.PREFILL].index(mean), ratio


def decode_ratio(
    work: DecodeWork, context_tokens: float, surfaces: EngineSurfaces
) -> tuple[int, float]:
    """Region and ratio of a stretch of decode, whose sequences had `context_tokens` on average.

    Step times bend with the batch, so expected is the mean over two batches that have the
    measured ones' mean and deviation.
    """
    low = max(1.0, work.batch_mean - work.batch_deviation)
    high = 2 * work.batch_mean - low
    expected = (
        surfaces.decode_step_seconds(low, context_tokens)
        + surfaces.decode_step_seconds(high, context_tokens)
    ) / 2
    return REGIONS[Role.DECODE].index(work.batch_mean), work.step_seconds / expected


def corrected(
    surfaces: EngineSurfaces, learned: RoleCalibration, bounds: RatioBounds = PROFILE_BOUNDS
) -> EngineSurfaces:
    """The surfaces as they are by what was learned; the very same object where nothing was."""
    factors = learned.factors(bounds)
    room = learned.kv_tokens or surfaces.kv_capacity_tokens
    if all(factor == 1.0 for factor in factors) and room == surfaces.kv_capacity_tokens:
        return surfaces
    if learned.role is Role.PREFILL:
        table = _scaled(surfaces.prefill, learned.role, factors)
        return replace(surfaces, prefill=table, kv_capacity_tokens=room)
    table = _scaled(surfaces.decode_step, learned.role, factors)
    return replace(surfaces, decode_step=table, kv_capacity_tokens=room)


def calibrated(
    profile: PerformanceProfile, learned: Calibration, bounds: RatioBounds = PROFILE_BOUNDS
) -> PerformanceProfile:
    """A profile whose every tensor-parallel size is off as the size that was measured is."""

    def worker(surfaces: EngineSurfaces) -> EngineSurfaces:
        for role in Role:
            surfaces = corrected(surfaces, replace(learned.of(role), kv_tokens=None), bounds)
        return surfaces

    workers = {size: worker(known) for size, known in profile.by_tensor_parallel_size.items()}
    return replace(profile, by_tensor_parallel_size=workers)


def _scaled(table: MonotoneTable, role: Role, factors: tuple[float, ...]) -> MonotoneTable:
    """Each row of the table times the factor of its band; bilinear in between, never falling."""
    bands = REGIONS[role]
    rows = np.array([factors[bands.index(x)] for x in table.xs])
    return MonotoneTable.lifted(table.xs, table.ys, np.asarray(table.rows) * rows[:, np.newaxis])
