"""What the bin that is not yet over would be worth: the load of the last minute, seen at any tick.

Forecasts are made from the end of the newest whole bin, and a tick comes somewhen in the next one.
Prometheus knows the rate over the last minute at any time, so the newest bin could be that:

- `whole bins`: as the operator does.
- `in its place`: the last minute's rate stands for the newest whole bin.
- `after it`: the last minute's rate is one more bin.

    python -m scripts.forecast_bench.unfinished_bin

reads the whole traces (PD_SHARED), asks the default forecaster five minutes ahead of ticks ten and
twenty seconds after a bin's end, and prints losses in percent of those from whole bins.
"""

import argparse
import copy
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scripts.bench_inputs import whole_traces
from scripts.forecast_bench.scores import pinball
from scripts.forecast_bench.series import AZURE_SERIES, FloatArray

from pd_forecasting import Hedge
from pd_operator.demand.forecast import steps_to

_TEN_SECONDS = 10.0
"""Counts of the traces are of so long."""

_BIN, _WINDOW = 3, 6
"""Tens of seconds: the default resolution, and the four scrapes that a rate is taken over."""

_AFTER = (1, 2)
"""Tens of seconds after a bin's end at which ticks come: a quarter of a minute on average."""

_LEAD_SECONDS = 300.0
_WARM_UP_BINS = 36 * 120
_SEASON_BINS = 2880
_SHARES = (0.7, 0.9, 0.975)
WAYS = ("whole bins", "in its place", "after it")


def main() -> None:
    """Print a table: a row per series, way and figure."""
    parser = argparse.ArgumentParser(prog="unfinished_bin", description=__doc__)
    parser.add_argument("--series", default=",".join(AZURE_SERIES), help="names, comma between")
    parser.add_argument("--stride", type=int, default=7, help="bins between origins")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    keys = asked.series.split(",")
    _say("series", "way", "MAE", *(f"pinball {share:g}" for share in _SHARES))
    with ProcessPoolExecutor(asked.jobs) as pool:
        for key, table in zip(keys, pool.map(partial(losses, asked.stride), keys), strict=True):
            for way, row in zip(WAYS, 100 * table / table[0], strict=True):
                _say(key, way, *(f"{share:.1f} %" for share in row))


def losses(stride: int, key: str) -> FloatArray:
    """MAE of the points, and pinball losses of `_SHARES`, a row per way."""
    counts = tens_of_seconds(key)
    rates = np.convolve(counts, np.full(_WINDOW, 1 / (_TEN_SECONDS * _WINDOW)), mode="valid")
    lead = round(_LEAD_SECONDS / _TEN_SECONDS)
    found = [
        (rates[moment + lead], answers)
        for moment, answers in _asked(rates, stride)
        if moment + lead < len(rates)
    ]
    came = np.array([load for load, _ in found])
    said = np.array([answers for _, answers in found])
    return np.array(
        [
            [
                float(np.abs(came - said[:, way, 0]).mean()),
                *(pinball(came, said[:, way, 1 + i], share) for i, share in enumerate(_SHARES)),
            ]
            for way in range(len(WAYS))
        ]
    )


def _asked(rates: FloatArray, stride: int) -> Iterator[tuple[int, list[list[float]]]]:
    """Place of the present in `rates`, and point and quantiles of each way to know it."""
    bins = rates[::_BIN]
    bin_seconds = _BIN * _TEN_SECONDS
    ahead = steps_to(_LEAD_SECONDS, bin_seconds)
    horizons = sorted({ahead, *(_whole_steps(after) for after in _AFTER)})
    before = Hedge(season_bins=_SEASON_BINS)
    before.fit(bins[:_WARM_UP_BINS], horizons)
    seen = _WARM_UP_BINS
    for newest in range(_WARM_UP_BINS, len(bins) - 1, stride):
        before.update(bins[seen:newest])
        seen = newest
        whole = _with(before, bins[newest])
        for after in _AFTER:
            moment = newest * _BIN + after
            yield (
                moment,
                [
                    _answer(whole, _whole_steps(after)),
                    _answer(_with(before, rates[moment]), ahead),
                    _answer(_with(whole, rates[moment]), ahead),
                ],
            )


def _whole_steps(after: int) -> int:
    """Bins from the newest whole one's end to the moment that is asked for."""
    return steps_to(_LEAD_SECONDS + after * _TEN_SECONDS, _BIN * _TEN_SECONDS)


def _with(forecaster: Hedge, load: float) -> Hedge:
    """The forecaster with one more bin; the one given stays as it is."""
    one = copy.copy(forecaster)
    one.update(np.array([load]))
    return one


def _answer(forecaster: Hedge, steps: int) -> list[float]:
    forecast = forecaster.forecast((steps,), _SHARES)
    return [float(forecast.points[0]), *forecast.values[0].tolist()]


def tens_of_seconds(key: str) -> FloatArray:
    """Requests per ten seconds of one of `AZURE_SERIES`, of all its days."""
    from pyarrow import parquet  # noqa: PLC0415 - as in `bench_inputs`

    service = key.removesuffix("25")
    kind = "count10s" if key == service else "thin25"
    table = parquet.read_table(whole_traces() / f"azure2024_{service}_{kind}_d0-3.parquet")
    if kind == "count10s":
        counts: FloatArray = table["requests"].to_numpy().astype(np.float64)
        return counts
    numbers = (table["arrival_s"].to_numpy() // _TEN_SECONDS).astype(int)
    return np.bincount(numbers).astype(np.float64)


def _say(*cells: str) -> None:
    sys.stdout.write("".join(f"{cell:>14}" for cell in cells) + "\n")


if __name__ == "__main__":
    main()
