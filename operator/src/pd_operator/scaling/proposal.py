"""What the links of the chain hand to each other."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.plans import SidePlans
from pd_operator.scaling.settings import ScalingSettings


@dataclass(frozen=True)
class Situation:
    """Everything a link may look at; none of it changes along the chain but the memory.

    `plan_ahead` is for the load when a worker ordered now would be ready, `plan_now` for the
    present load; each is unknown where its load or the engine's profile is. `engine_measured` is
    False while all plans are made with a guess of an engine that nobody described or measured.
    """

    observation: Observation
    plan_ahead: Plan | Unknown
    plan_now: Plan | Unknown
    settings: ScalingSettings
    memory: ScalingMemory
    engine_measured: bool = True
    beside: SidePlans = field(default_factory=SidePlans)

    @property
    def now_seconds(self) -> float:
        """Unix time of the observation."""
        return self.observation.time_seconds

    def current(self, role: Role) -> int:
        """Workers of a pool that are meant to stay."""
        return self.observation.pool(role).current

    def least_now(self, role: Role) -> int:
        """Workers without which the present load misses its objective; 0 where it is unknown."""
        plan = self.beside.least or self.plan_now
        return 0 if isinstance(plan, Unknown) else plan.pool(role).workers

    def short_seconds(self, role: Role) -> float:
        """How long too few workers have served for the objective of the present load; 0: enough."""
        since = self.memory.short_since.get(role)
        return 0.0 if since is None else self.now_seconds - since

    @property
    def unknown(self) -> Unknown | None:
        """The first thing unknown that a scale-down would need to know."""
        for reading in (self.observation.demand, self.plan_now, self.plan_ahead):
            if isinstance(reading, Unknown):
                return reading
        return None


@dataclass(frozen=True)
class Wanted:
    """Workers of one pool as the chain has them so far, and the last link's word on it."""

    workers: int
    reason: DecisionReason
    because: str


@dataclass(frozen=True)
class Proposal:
    """Workers of both pools as the chain has them so far."""

    prefill: Wanted
    decode: Wanted

    def pool(self, role: Role) -> Wanted:
        """The proposal for one pool."""
        return self.prefill if role is Role.PREFILL else self.decode

    def with_pool(self, role: Role, wanted: Wanted) -> "Proposal":
        """The same with another number for one pool; the reason stays where the number does."""
        if wanted.workers == self.pool(role).workers:
            return self
        return replace(self, **{role.value: wanted})


class ChainLink(ABC):
    """One step of a decision."""

    name: ClassVar[str]

    @abstractmethod
    def apply(self, proposal: Proposal, situation: Situation) -> tuple[Proposal, str]:
        """The proposal after this link, and a sentence on what it did and why."""


class PoolLink(ChainLink):
    """A link that looks at each pool by itself."""

    @abstractmethod
    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Workers of one pool after this link, with the reason should they differ."""

    def apply(self, proposal: Proposal, situation: Situation) -> tuple[Proposal, str]:
        """Judge both pools."""
        judged = {role: self.judge(role, proposal.pool(role).workers, situation) for role in Role}
        for role, wanted in judged.items():
            proposal = proposal.with_pool(role, wanted)
        words = {role: wanted.because for role, wanted in judged.items()}
        if len(set(words.values())) == 1:
            return proposal, sentence(words[Role.PREFILL])
        return proposal, " ".join(sentence(f"{role}: {word}") for role, word in words.items())


def sentence(words: str) -> str:
    """`words` with a capital at the beginning and a full stop at the end."""
    return words[:1].upper() + words[1:].rstrip(".") + "."
