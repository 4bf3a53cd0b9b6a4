"""From one look at the engines' counters to the next: samples for the calibration.

Of every worker the reading is kept from which the present stretch of work began. A stretch ends,
and gives a sample, as soon as enough was done in it; one that lasts too long is given up, for the
load was another at its beginning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pd_operator.api.roles import Role
from pd_operator.performance.calibration import (
    Calibration,
    Sample,
    decode_ratio,
    prefill_ratio,
)
from pd_operator.performance.counters import Counters, decode_work, prefill_work, ran_backwards
from pd_operator.performance.prefill_batching import Prompts
from pd_operator.performance.surfaces import EngineSurfaces

LONGEST_STRETCH_SECONDS = 900.0


@dataclass(frozen=True)
class WorkerReading:
    """One worker's counters.

    `context_tokens` is the mean context of the sequences that run at the moment, None where none
    does; `kv_tokens` the KV capacity, None where it was not told; `software` names what runs.
    """

    name: str
    role: Role
    software: str
    counters: Counters
    context_tokens: float | None = None
    kv_tokens: int | None = None


@dataclass(frozen=True)
class Reference:
    """What readings of one role are held against: the surfaces of `profile`, for `software`."""

    surfaces: EngineSurfaces
    profile: str
    software: str

    @property
    def version(self) -> str:
        """What a calibration holds for, and for nothing else."""
        return f"{self.software}.{self.profile}"


@dataclass(frozen=True)
class Learner:
    """What is known so far, and where each worker's present stretch began."""

    calibration: Calibration = field(default_factory=Calibration)
    begun: Mapping[str, WorkerReading] = field(default_factory=lambda: MappingProxyType({}))

    def updated(
        self,
        now_seconds: float,
        readings: Iterable[WorkerReading],
        references: Mapping[Role, Reference],
        prompts: Prompts | None,
    ) -> "Learner":
        """Take one round of readings; `prompts` is None while lengths are not known.

        A role without a reference has no worker to learn from: what is known of it stays.
        """
        calibration = self.calibration
        for role, held in references.items():
            known = calibration.of(role).of_version(held.version).forgetting(now_seconds)
            calibration = calibration.replacing(known)
        begun: dict[str, WorkerReading] = {}
        room: dict[Role, int] = {}
        for reading in readings:
            reference = references.get(reading.role)
            if reference is None or reading.software != reference.software:
                continue
            if reading.kv_tokens:
                least = room.get(reading.role, reading.kv_tokens)
                room[reading.role] = min(least, reading.kv_tokens)
            start = self.begun.get(reading.name)
            found = _sample(start, reading, reference, prompts)
            if found is not None:
                region, ratio = found
                learned = calibration.of(reading.role).learning(region, Sample(now_seconds, ratio))
                calibration = calibration.replacing(learned)
            ended = start is not None and (found is not None or _is_over(start, reading))
            begun[reading.name] = reading if start is None or ended else start
        for role, tokens in room.items():
            calibration = calibration.replacing(calibration.of(role).knowing_room(tokens))
        return replace(self, calibration=calibration, begun=MappingProxyType(begun))


def _is_over(start: WorkerReading, now: WorkerReading) -> bool:
    """Whether a stretch that gave no sample will never give one."""
    long = now.counters.time_seconds - start.counters.time_seconds > LONGEST_STRETCH_SECONDS
    other = start.role is not now.role or start.software != now.software
    return long or other or ran_backwards(start.counters, now.counters)


def _sample(
    start: WorkerReading | None,
    now: WorkerReading,
    reference: Reference,
    prompts: Prompts | None,
) -> tuple[int, float] | None:
    if start is None or _is_over(start, now):
        return None
    if now.role is Role.PREFILL:
        prefilled = prefill_work(start.counters, now.counters)
        if prefilled is None or prompts is None:
            return None
        return prefill_ratio(prefilled, prompts, reference.surfaces)
    decoded = decode_work(start.counters, now.counters)
    contexts = [c for c in (start.context_tokens, now.context_tokens) if c is not None]
    if decoded is None or not contexts:
        return None
    return decode_ratio(decoded, sum(contexts) / len(contexts), reference.surfaces)
