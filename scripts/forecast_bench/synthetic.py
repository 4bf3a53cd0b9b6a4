"""Made-up services that do what shared days do not: wake up, jump, and send one wrong sample.

Poisson counts per minute, forecast five minutes ahead. Hours are of the minutes that were forecast:
the first minutes of an hour in which a load appears from nowhere were forecast before it did, so
nobody covers more than 90 % of it.
"""

from dataclasses import dataclass

import numpy as np
from scripts.forecast_bench.series import FloatArray, IntArray

from pd_forecasting import Forecaster

DAY = 1440
HOUR = 60
LEAD = 5
LEVEL = 100.0
"""Requests a minute."""

FACTOR = 10.0
WRONG = 1e9
P95 = 1
_SHARES = (0.5, 0.95)


@dataclass(frozen=True, eq=False)
class Service:
    """Loads per minute, what they are the noise of, and the minute from which it is looked at."""

    loads: FloatArray
    level: FloatArray
    begin: int

    @classmethod
    def of(cls, level: FloatArray, begin: int, seed: int) -> "Service":
        """Poisson counts around `level`."""
        counts = np.random.default_rng(seed).poisson(level).astype(np.float64)
        return cls(counts, level, begin)


def idle_start(seed: int, hours: int = 6) -> Service:
    """Three days of nothing, then a steady load."""
    return Service.of(np.repeat([0.0, LEVEL], [3 * DAY, hours * HOUR]), 3 * DAY, seed)


def office(seed: int, hours: int = 10) -> Service:
    """Ten hours on working days and nothing else; looked at on the second Monday, for `hours`."""
    minutes = np.arange(7 * DAY + (8 + hours) * HOUR)
    time, weekday = minutes % DAY, minutes // DAY % 7
    open_now = (time >= 8 * HOUR) & (time < 18 * HOUR) & (weekday < 5)
    return Service.of(np.where(open_now, LEVEL, 0.0), 7 * DAY + 8 * HOUR, seed)


def step(seed: int, factor: float) -> Service:
    """Two days with a rhythm, then the load jumps by `factor` for an hour."""
    begin = 2 * DAY + 9 * HOUR
    minutes = np.arange(begin + HOUR)
    rhythm = LEVEL * (1 + 0.3 * np.sin(2 * np.pi * minutes / DAY))
    if factor < 1:
        rhythm = rhythm / factor  # so that what it falls to can be counted
    return Service.of(np.where(minutes >= begin, factor, 1.0) * rhythm, begin, seed)


def wrong_sample(seed: int, days: int = 1) -> Service:
    """Days with a rhythm, and one minute of `WRONG` on the third."""
    begin = 2 * DAY + 9 * HOUR
    minutes = np.arange(begin + days * DAY + LEAD)
    level = LEVEL * (1 + 0.3 * np.sin(2 * np.pi * minutes / DAY))
    service = Service.of(level, begin, seed)
    service.loads[begin] = WRONG
    return service


@dataclass(frozen=True, eq=False)
class Answers:
    """What a forecaster said from the bin `first` on: points (o,) and quantiles (o, q)."""

    first: int
    points: FloatArray
    quantiles: FloatArray

    def point(self, origins: IntArray) -> FloatArray:
        """Points from these origins."""
        found: FloatArray = self.points[origins - self.first]
        return found


def asked(model: type[Forecaster], loads: FloatArray, first: int, last: int) -> Answers:
    """Ask `model` from every origin in `first` to `last`, fitted as often as the operator does."""
    forecaster = model(season_bins=DAY)
    points, quantiles = [], []
    for origin in range(first, last):
        if (origin - first) % model.bins_between_fits == 0:
            forecaster.fit(loads[: origin + 1], (LEAD,))
        else:
            forecaster.update(loads[origin : origin + 1])
        answer = forecaster.forecast((LEAD,), _SHARES)
        points.append(float(answer.points[0]))
        quantiles.append(answer.values[0])
    return Answers(first, np.array(points), np.array(quantiles))


def covered_by_hour(model: type[Forecaster], service: Service) -> tuple[FloatArray, FloatArray]:
    """Share of the minutes within P95, and P95 over the level, each hour from `begin` on."""
    first = service.begin - LEAD
    hours = (len(service.loads) - service.begin) // HOUR
    answers = asked(model, service.loads, first, first + hours * HOUR)
    targets = slice(service.begin, service.begin + hours * HOUR)
    edge = answers.quantiles[:, P95]
    within = (service.loads[targets] <= edge).reshape(hours, HOUR).mean(axis=1)
    wide = (edge / service.level[targets]).reshape(hours, HOUR).mean(axis=1)
    return within, wide


def step_error(model: type[Forecaster], service: Service) -> float:
    """Mean error of what is said in minutes 2 to 6 of a new level, over the level."""
    origins = np.arange(service.begin + 1, service.begin + 6)
    answers = asked(model, service.loads, service.begin, service.begin + 6)
    came = service.loads[origins + LEAD]
    missed = np.abs(came - answers.point(origins))
    return float(missed.mean() / service.level[origins + LEAD].mean())


def recovery_minutes(model: type[Forecaster], service: Service, longest: int = HOUR) -> int:
    """Minutes after a wrong sample until the forecast is, and stays, within twice the level."""
    answers = asked(model, service.loads, service.begin - 1, service.begin + longest)
    beyond = np.flatnonzero(answers.points[1:] > 2 * service.level[service.begin])
    return int(beyond[-1]) + 1 if len(beyond) else 0


def next_day_relative_mae(model: type[Forecaster], service: Service) -> float:
    """Error over the last value's in the day after a wrong sample, from its sixth minute on."""
    first, last = service.begin - 1, service.begin + DAY
    answers = asked(model, service.loads, first, last)
    origins = np.arange(service.begin + LEAD + 1, last - LEAD)
    came = service.loads[origins + LEAD]
    own = np.abs(came - answers.point(origins)).mean()
    return float(own / np.abs(came - service.loads[origins]).mean())
