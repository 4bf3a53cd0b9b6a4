"""How often a rhythm is seen where there is none, and how soon where there is one.

Loads are counted in bins of half a minute, and looked at as the default forecaster does: each two
bins, for periods of up to three hours. Public traces are looked at in the bins that they are
benched in.

    python -m scripts.forecast_bench.seasons
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from scripts.forecast_bench.series import FloatArray, all_keys, load

from pd_forecasting.season_watch import LOOK_BINS, SeasonWatch
from pd_operator.demand.forecast import LONGEST_FOUND_SECONDS

_BIN_SECONDS = 30.0
_BINS = 2880
"""A day."""

Rates = Callable[[np.random.Generator], FloatArray]


def _walk(step: float) -> Rates:
    return lambda rng: (4 + np.cumsum(rng.normal(0, step, _BINS))) ** 2


def _spikes(rng: np.random.Generator) -> FloatArray:
    rate = np.full(_BINS, 8.0)
    for begin in np.cumsum(4 + rng.exponential(6, _BINS)).astype(int):
        rate[begin : begin + 2] *= rng.uniform(3, 5)
    return rate


def _smooth(bins: float) -> Rates:
    """Noise of a Gaussian correlation: the smoothest that can be, of humps like those of a wave."""

    def rates(rng: np.random.Generator) -> FloatArray:
        frequencies = np.fft.rfftfreq(2 * _BINS)
        shape = np.exp(-((np.pi * frequencies * bins) ** 2))
        noise = np.fft.irfft(np.fft.rfft(rng.normal(size=2 * _BINS)) * shape)[:_BINS]
        return np.asarray((4 + 1.2 * noise / noise.std()) ** 2)

    return rates


NOISE: dict[str, Rates] = {
    "random arrivals, 5/s": lambda rng: np.full(_BINS, 5.0),
    "random arrivals, 0.2/s": lambda rng: np.full(_BINS, 0.2),
    "random walk, slow": _walk(0.1),
    "random walk, fast": _walk(0.4),
    "spikes at random": _spikes,
    "smooth noise of 5 bins": _smooth(5),
    "smooth noise of 10 bins": _smooth(10),
    "smooth noise of 20 bins": _smooth(20),
}


def seen(roots: FloatArray, bin_seconds: float) -> Iterator[float]:
    """The period in force after each look, in seconds; 0 for none."""
    watch = SeasonWatch(LONGEST_FOUND_SECONDS / bin_seconds)
    for bins in np.split(roots, range(LOOK_BINS, len(roots), LOOK_BINS)):
        watch = watch.extended(bins)
        yield 0.0 if watch.season is None else watch.season.period_bins * bin_seconds


def counted(rates: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Square roots of rates as they are counted."""
    return np.sqrt(rng.poisson(rates * _BIN_SECONDS) / _BIN_SECONDS)


def false_alarms(name: str, days: list[FloatArray], bin_seconds: float) -> str:
    """One line on loads without a rhythm."""
    periods = [np.array(list(seen(day, bin_seconds))) for day in days]
    looks = np.concatenate(periods)
    begun = [np.count_nonzero((one[1:] > 0) & (one[:-1] != one[1:])) for one in periods]
    hours = sum(len(day) for day in days) * bin_seconds / 3600
    found = np.unique(np.round(looks[looks > 0], -1))
    return (
        f"{name:24} in force {np.mean(looks > 0):7.3%} of the time, begun or changed "
        f"{sum(begun)} times in {hours:.0f} h; periods {found[:8].tolist()}"
    )


def time_to_find(period_seconds: float, low: float, high: float, seed: int = 0) -> str:
    """One line on a sine."""
    rng = np.random.default_rng(seed)
    bins = np.arange(round(8 * period_seconds / _BIN_SECONDS))
    angle = 2 * np.pi * bins * _BIN_SECONDS / period_seconds
    rates = low + (high - low) / 2 * (1 - np.cos(angle))
    periods = np.array(list(seen(counted(rates, rng), _BIN_SECONDS)))
    if not periods.any():
        return f"sine {period_seconds:.0f} s, {low} to {high}/s: not found in eight cycles"
    first = int(np.flatnonzero(periods)[0])
    cycles = (first + 1) * LOOK_BINS * _BIN_SECONDS / period_seconds
    return (
        f"sine {period_seconds:.0f} s, {low} to {high}/s: found after {cycles:.2f} cycles as "
        f"{periods[first]:.0f} s, in the end as {periods[-1]:.0f} s"
    )


def main() -> None:
    """Print a line for each kind of load."""
    parser = argparse.ArgumentParser(prog="seasons", description=__doc__)
    parser.add_argument("--days", type=int, default=7, help="of each kind of noise")
    asked = parser.parse_args()
    for name, rates in NOISE.items():
        rng = np.random.default_rng(1)
        days = [counted(rates(rng), rng) for _ in range(asked.days)]
        print(false_alarms(name, days, _BIN_SECONDS), flush=True)  # noqa: T201 - a command's answer
    for key in all_keys():
        one = load(key)
        line = false_alarms(key, [np.sqrt(one.values)], 60.0 * one.bin_minutes)
        print(line, flush=True)  # noqa: T201 - a command's answer
    for period in (300.0, 600.0, 700.0, 1200.0, 2400.0):
        for low, high in ((5, 45), (4, 24), (0.5, 1.5)):
            print(time_to_find(period, low, high), flush=True)  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
