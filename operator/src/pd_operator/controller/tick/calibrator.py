"""What the engines' counters teach about the engine that a service is planned for."""

from dataclasses import replace

from pd_operator.api.roles import Role
from pd_operator.api.status import CalibrationStatus
from pd_operator.controller.tick.engine_profile import EngineBasis
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.calibration import Calibration, corrected
from pd_operator.performance.calibration_status import from_plain
from pd_operator.performance.counters import Counters
from pd_operator.performance.learning import Learner, Reference, WorkerReading
from pd_operator.performance.prefill_batching import Prompts
from pd_operator.scaling.autoscaler import EngineKnowledge
from pd_operator.scaling.observation import EngineLoad, Known, Observation, WorkerObservation

STALEST_SECONDS = 60.0
"""An engine that published no load for so long tells of work long done."""


class Calibrator:
    """Learns about one service's engines, tick by tick. `stored` is what its status remembers."""

    def __init__(self, stored: CalibrationStatus | None) -> None:
        self._learner = Learner(from_plain(stored.plain() if stored else {}))
        self._corrected: dict[Role, tuple[object, EngineSurfaces]] = {}

    @property
    def calibration(self) -> Calibration:
        """What is known so far."""
        return self._learner.calibration

    def learn(self, seen: Observation, basis: EngineBasis) -> None:
        """Learn from what the engines said on this tick."""
        references = {
            role: Reference(basis.of(role), basis.identity, software)
            for role in Role
            if (software := _running_software(seen, role)) is not None
        }
        self._learner = self._learner.updated(
            seen.time_seconds, _readings(seen), references, _prompts(seen)
        )

    def engine(self, basis: EngineBasis) -> EngineKnowledge:
        """The engine as it really is, as far as is known.

        A plan with it may be believed where the engine was described, or both roles measured.
        """
        model = replace(
            basis.model,
            prefill=self._correct(Role.PREFILL, basis),
            decode=self._correct(Role.DECODE, basis),
        )
        return EngineKnowledge(model, measured=not basis.assumed or self.calibration.trusted)

    def _correct(self, role: Role, basis: EngineBasis) -> EngineSurfaces:
        """The corrected surfaces; the same object as long as neither they nor factors change."""
        surfaces, learned = basis.of(role), self.calibration.of(role)
        key = (surfaces, learned.factors(basis.bounds), learned.kv_tokens)
        known = self._corrected.get(role)
        if known is None or known[0] != key:
            self._corrected[role] = (key, corrected(surfaces, learned, basis.bounds))
        return self._corrected[role][1]


def _readings(seen: Observation) -> list[WorkerReading]:
    return [
        _reading(worker, worker.load.value, seen.time_seconds - worker.load.age_seconds)
        for worker in (*seen.prefill.workers, *seen.decode.workers)
        if worker.ready
        and isinstance(worker.load, Known)
        and worker.load.age_seconds <= STALEST_SECONDS
    ]


def _reading(worker: WorkerObservation, load: EngineLoad, time_seconds: float) -> WorkerReading:
    running = load.running_requests
    return WorkerReading(
        name=worker.name,
        role=load.mode or worker.role,
        software=worker.software,
        counters=Counters(
            time_seconds=time_seconds,
            prefill_tokens=float(load.prefill_uncached_tokens_total),
            prefill_busy_seconds=load.prefill_busy_seconds_total,
            decode_moments=load.decode_moments,
        ),
        context_tokens=load.active_tokens / running if running else None,
        kv_tokens=load.max_total_tokens or None,
    )


def _prompts(seen: Observation) -> Prompts | None:
    if not isinstance(seen.demand, Known):
        return None
    lengths = seen.demand.value.prompt_tokens
    return Prompts(lengths.values, lengths.probabilities)


def _running_software(seen: Observation, role: Role) -> str | None:
    """What the newest ready worker runs: during a rollout, of two the one that will stay."""
    ready = [worker for worker in seen.pool(role).workers if worker.ready]
    return min(ready, key=lambda worker: worker.age_seconds).software if ready else None
