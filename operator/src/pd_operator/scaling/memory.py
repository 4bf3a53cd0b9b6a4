"""What a decision must remember of the ones before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypedDict, TypeVar

from pd_operator.api.roles import Role
from pd_operator.scaling.engine_trends import EngineTrend
from pd_operator.scaling.foresight import Foreseen
from pd_operator.scaling.slopes import Offered


@dataclass(frozen=True)
class Recommendation:
    """Workers that were expected to be needed at `time_seconds`, before anything held them back.

    What the present load alone called for is no part of it: it is asked anew on each tick.
    """

    time_seconds: float
    prefill: int
    decode: int

    def pool(self, role: Role) -> int:
        """Workers recommended for one pool."""
        return self.prefill if role is Role.PREFILL else self.decode


@dataclass(frozen=True)
class Change:
    """`delta` workers were added to a pool, or removed from it, at `time_seconds`."""

    time_seconds: float
    role: Role
    delta: int


@dataclass(frozen=True)
class Flip:
    """A worker began to take `role` at `time_seconds`."""

    time_seconds: float
    role: Role


Dated = TypeVar("Dated", Change, Flip)


@dataclass(frozen=True)
class Surprise:
    """A load that no forecast foresaw called for `workers`, last at `time_seconds`.

    - `times`: how often such a load has come, with the first.
    - `over`: whether the load has fallen back since.
    """

    time_seconds: float
    workers: int
    times: int = 1
    over: bool = False


class PlainRecommendation(TypedDict):
    """A recommendation as the resource's status holds it."""

    timeSeconds: int
    prefill: int
    decode: int


class PlainChange(TypedDict):
    """A change as the resource's status holds it."""

    timeSeconds: int
    role: str
    delta: int


class PlainFlip(TypedDict):
    """A flip as the resource's status holds it."""

    timeSeconds: int
    role: str


class PlainMemory(TypedDict):
    """A memory as the resource's status holds it: integers and text only."""

    recommendations: list[PlainRecommendation]
    changes: list[PlainChange]
    flips: list[PlainFlip]


@dataclass(frozen=True)
class ScalingMemory:
    """Recommendations for the stabilization windows, changes for the rate limits. Oldest first.

    - `flips`: those of the last while, for the budget of flips and against going to and fro.
    - `engines`: what was seen of each worker's engine, by its name.
    - `short_since`: when the present load began to call for more workers than serve (Unix
      seconds), for the pools where it does.
    - `surprises`: the last load of each pool that queues or the present load had to tell of.
    - `offered`: what reached the prefill engines at the last ticks.
    - `foreseen`: what was forecast for moments to come, and for the last one that came.

    The last five are soon seen anew, or cost one hold at worst, so a status holds none of them.
    """

    recommendations: tuple[Recommendation, ...] = ()
    changes: tuple[Change, ...] = ()
    flips: tuple[Flip, ...] = ()
    engines: Mapping[str, EngineTrend] = field(default_factory=lambda: MappingProxyType({}))

    short_since: Mapping[Role, float] = field(default_factory=lambda: MappingProxyType({}))
    surprises: Mapping[Role, Surprise] = field(default_factory=lambda: MappingProxyType({}))
    offered: tuple[Offered, ...] = ()
    foreseen: tuple[Foreseen, ...] = ()

    def recommending(self, newest: Recommendation, keep_seconds: float) -> "ScalingMemory":
        """Add a recommendation and forget those older than `keep_seconds`.

        Of equal recommendations the newest is kept: it stays inside a window for longest, so no
        window can tell the difference, and a quiet service's memory is one entry.
        """
        oldest = newest.time_seconds - keep_seconds
        kept = tuple(
            earlier
            for earlier in self.recommendations
            if earlier.time_seconds >= oldest
            and (earlier.prefill, earlier.decode) != (newest.prefill, newest.decode)
        )
        return replace(self, recommendations=(*kept, newest))

    def changing(
        self, changes: tuple[Change, ...], now_seconds: float, keep_seconds: float
    ) -> "ScalingMemory":
        """Add changes and forget those older than `keep_seconds`."""
        kept = _since(now_seconds - keep_seconds, self.changes)
        return replace(self, changes=(*kept, *changes))

    def flipping(
        self, flips: tuple[Flip, ...], now_seconds: float, keep_seconds: float
    ) -> "ScalingMemory":
        """Add flips and forget those older than `keep_seconds`."""
        kept = _since(now_seconds - keep_seconds, self.flips)
        return replace(self, flips=(*kept, *flips))

    def to_plain(self) -> PlainMemory:
        """Plain data for the resource's status; times to the second."""
        return PlainMemory(
            recommendations=[
                PlainRecommendation(
                    timeSeconds=round(item.time_seconds),
                    prefill=item.prefill,
                    decode=item.decode,
                )
                for item in self.recommendations
            ],
            changes=[
                PlainChange(
                    timeSeconds=round(item.time_seconds),
                    role=item.role.value,
                    delta=item.delta,
                )
                for item in self.changes
            ],
            flips=[
                PlainFlip(timeSeconds=round(item.time_seconds), role=item.role.value)
                for item in self.flips
            ],
        )

    @classmethod
    def from_plain(cls, plain: Mapping[str, object] | PlainMemory) -> "ScalingMemory":
        """Read `to_plain`'s data. What a status does not hold in that form is forgotten.

        A status can be edited by hand; a lost memory costs one stabilization window at worst.
        """
        recommendations = (_recommendation(item) for item in _entries(plain, "recommendations"))
        changes = (_change(item) for item in _entries(plain, "changes"))
        flips = (_flip(item) for item in _entries(plain, "flips"))
        return cls(
            tuple(item for item in recommendations if item is not None),
            tuple(item for item in changes if item is not None),
            tuple(item for item in flips if item is not None),
        )

    def lasting_until(self, now_seconds: float) -> "ScalingMemory":
        """As of a status that was true until now: it is not written again while nothing changes.

        So its newest recommendation is as old as what ended then, and not as what it began with.
        """
        if not self.recommendations:
            return self
        *earlier, newest = self.recommendations
        lasted = replace(newest, time_seconds=max(newest.time_seconds, now_seconds))
        return replace(self, recommendations=(*earlier, lasted))


def _since(oldest_seconds: float, past: tuple[Dated, ...]) -> tuple[Dated, ...]:
    return tuple(one for one in past if one.time_seconds >= oldest_seconds)


def _entries(plain: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    entries = plain.get(key)
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _recommendation(entry: Mapping[str, object]) -> Recommendation | None:
    match entry:
        case {"timeSeconds": int(time), "prefill": int(prefill), "decode": int(decode)}:
            return Recommendation(float(time), prefill, decode)
        case _:
            return None


def _change(entry: Mapping[str, object]) -> Change | None:
    match entry:
        case {"timeSeconds": int(time), "role": "prefill" | "decode" as role, "delta": int(d)}:
            return Change(float(time), Role(str(role)), d)
        case _:
            return None


def _flip(entry: Mapping[str, object]) -> Flip | None:
    match entry:
        case {"timeSeconds": int(time), "role": "prefill" | "decode" as role}:
            return Flip(float(time), Role(str(role)))
        case _:
            return None
