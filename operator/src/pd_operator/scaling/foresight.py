"""Whether the load of now is one that was forecast."""

from dataclasses import dataclass

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import Known, Observation, Unknown
from pd_operator.scaling.pool_forecasts import PoolForecasts


@dataclass(frozen=True)
class Foreseen:
    """The most tokens a second that a trusted forecast had a pool ask for at `time_seconds`."""

    time_seconds: float
    role: Role
    tokens_per_second: float


def foreseen_lately(
    before: tuple[Foreseen, ...], forecasts: PoolForecasts, seen: Observation
) -> tuple[Foreseen, ...]:
    """What was forecast, and is now: for moments to come, and for each pool's last that came.

    Oldest moment first; a forecast that is not trusted foresees nothing.
    """
    found: list[Foreseen] = []
    for role in (Role.PREFILL, Role.DECODE):
        own = [one for one in before if one.role is role]
        forecast = forecasts.pool(role)
        if not isinstance(forecast, Unknown) and forecast.trusted:
            moment = seen.time_seconds + forecast.horizon_seconds
            own = [one for one in own if one.time_seconds < moment]
            own.append(Foreseen(moment, role, forecast.tokens_per_second.high))
        came = sum(one.time_seconds <= seen.time_seconds for one in own)
        found.extend(own[max(0, came - 1) :])
    return tuple(found)


def was_foreseen(lately: tuple[Foreseen, ...], role: Role, seen: Observation) -> bool:
    """Whether the present load is within what was forecast for now."""
    if not isinstance(seen.demand, Known):
        return False
    present = seen.demand.value
    tokens = (
        present.prompt_tokens_per_second
        if role is Role.PREFILL
        else present.output_tokens_per_second
    )
    came = [one for one in lately if one.role is role and one.time_seconds <= seen.time_seconds]
    return bool(came) and tokens <= came[-1].tokens_per_second
