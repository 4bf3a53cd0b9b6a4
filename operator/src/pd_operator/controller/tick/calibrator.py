"""What the engines' counters teach about the engine that a service is planned for."""

import hashlib
import json
from dataclasses import replace

from pd_operator.api.pods import Pod
from pd_operator.api.roles import Role
from pd_operator.api.status import CalibrationStatus
from pd_operator.controller.tick.engine_profile import EngineBasis
from pd_operator.controller.tick.observer import Sight
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.calibration import Calibration, corrected
from pd_operator.performance.calibration_status import from_plain
from pd_operator.performance.counters import Counters
from pd_operator.performance.learning import Learner, Reference, WorkerReading
from pd_operator.performance.prefill_batching import Prompts
from pd_operator.planning.engine import EngineModel
from pd_operator.planning.plan import Plan, PoolPlan
from pd_operator.scaling.observation import EngineLoad, Known, Observation, WorkerObservation

ENGINE_CONTAINER = "engine"
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

    def learn(self, sight: Sight, basis: EngineBasis) -> None:
        """Learn from what the engines said on this tick."""
        seen = sight.observation
        references = {
            role: Reference(basis.of(role), basis.identity, software)
            for role in Role
            if (software := _running_software(sight, role)) is not None
        }
        self._learner = self._learner.updated(
            seen.time_seconds, _readings(sight), references, _prompts(seen)
        )

    def knows(self, basis: EngineBasis) -> bool:
        """Whether a plan may be believed: the engine was described, or both roles measured."""
        return not basis.assumed or self.calibration.trusted

    def engine(self, basis: EngineBasis) -> EngineModel:
        """The engine as it really is, as far as is known."""
        model = basis.model
        return replace(
            model,
            prefill=self._correct(Role.PREFILL, basis),
            decode=self._correct(Role.DECODE, basis),
        )

    def _correct(self, role: Role, basis: EngineBasis) -> EngineSurfaces:
        """The corrected surfaces; the same object as long as neither they nor factors change."""
        surfaces, learned = basis.of(role), self.calibration.of(role)
        key = (surfaces, learned.factors(basis.bounds), learned.kv_tokens)
        known = self._corrected.get(role)
        if known is None or known[0] != key:
            self._corrected[role] = (key, corrected(surfaces, learned, basis.bounds))
        return self._corrected[role][1]


def cautious(plan: Plan, seen: Observation) -> Plan:
    """A plan made with the prior: believed where it adds workers, not where it removes some."""

    def pool(planned: PoolPlan) -> PoolPlan:
        current = seen.pool(planned.role).current
        if planned.workers >= current:
            return planned
        reason = f"{planned.reason} {current} stay until this engine was measured."
        return replace(planned, workers=current, reason=reason)

    return replace(plan, prefill=pool(plan.prefill), decode=pool(plan.decode))


def _readings(sight: Sight) -> list[WorkerReading]:
    software = {
        pod["metadata"]["name"]: _software(pod) for pods in sight.pods.values() for pod in pods
    }
    seen = sight.observation
    return [
        _reading(worker, worker.load.value, seen.time_seconds - worker.load.age_seconds, software)
        for worker in (*seen.prefill.workers, *seen.decode.workers)
        if worker.ready
        and isinstance(worker.load, Known)
        and worker.load.age_seconds <= STALEST_SECONDS
    ]


def _reading(
    worker: WorkerObservation, load: EngineLoad, time_seconds: float, software: dict[str, str]
) -> WorkerReading:
    running = load.running_requests
    return WorkerReading(
        name=worker.name,
        role=load.mode or worker.role,
        software=software.get(worker.name, ""),
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


def _running_software(sight: Sight, role: Role) -> str | None:
    """What the newest ready worker runs: during a rollout, of two the one that will stay."""
    ready = {worker.name for worker in sight.observation.pool(role).workers if worker.ready}
    pods = [pod for pod in sight.pods[role] if pod["metadata"]["name"] in ready]
    if not pods:
        return None
    return _software(max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"])))


def _software(pod: Pod) -> str:
    """Eight characters that change with whatever may change an engine's speed."""
    engines = [
        {part: container.get(part) for part in ("image", "command", "args", "env", "resources")}
        for container in pod.get("spec", {}).get("containers") or ()
        if container.get("name") == ENGINE_CONTAINER
    ]
    written = json.dumps(engines, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:8]
