"""What a constant of the default forecaster is worth: the shared series with other values of it.

`python -m scripts.forecast_bench.sweep expert_losses._SHARPNESS 12 24 48`: a line per value with
means over the minute series and over the ServeGen series. A constant is sound where its neighbors
do as well; a peak would be one that was tuned to these days.
"""

import argparse
import ast
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scripts.forecast_bench.origins import QUANTILES, walk
from scripts.forecast_bench.scores import pinball
from scripts.forecast_bench.series import MINUTE_SERIES, all_keys, load

import pd_forecasting
from pd_forecasting import Hedge

STRIDE = 7
"""Minutes between origins: no divisor of an hour, so that they fall on all parts of it."""

_SHORTEST_SERIES_BINS = 1000
"""Shorter series are left out: a day of 10-minute bins tells nothing of a constant."""

_COLUMNS = ("relative MAE", "pinball 0.9", "pinball 0.975", "P90", "P95")


def main() -> None:
    """Print a table for the constant and the values on the command line."""
    parser = argparse.ArgumentParser(prog="sweep", description=__doc__)
    parser.add_argument("constant", help="MODULE.NAME in pd_forecasting")
    parser.add_argument("values", nargs="+", help="Python literals")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    keys = [key for key in all_keys() if len(load(key).values) >= _SHORTEST_SERIES_BINS]
    _say("value", "series", *_COLUMNS)
    for text in asked.values:
        with ProcessPoolExecutor(asked.jobs) as pool:
            rows = pool.map(partial(measured, asked.constant, ast.literal_eval(text)), keys)
            found = dict(zip(keys, rows, strict=True))
        minutes = [found[key] for key in MINUTE_SERIES]
        others = [found[key] for key in keys if key not in MINUTE_SERIES]
        for name, group in (("minutes", minutes), ("ServeGen", others)):
            _say(text, name, *(f"{mean:.4f}" for mean in np.mean(group, axis=0)))


def measured(constant: str, value: object, key: str) -> list[float]:
    """Figures of `_COLUMNS` on one series, means over its leads; losses in shares of the mean."""
    put(constant, value)
    one = walk(Hedge, load(key), STRIDE if key in MINUTE_SERIES else 1)
    rows = []
    for column, steps in enumerate(one.series.horizons_steps):
        origins = one.origins[one.origins + steps < len(one.series.values)]
        actual, last = one.series.values[origins + steps], one.series.held[origins]
        points, values = one.points[: len(origins), column], one.values[: len(origins), column]
        known = ~np.isnan(actual)
        error = np.abs(actual - points)[known].mean() / np.abs(actual - last)[known].mean()
        at = {share: values[known, QUANTILES.index(share)] for share in (0.9, 0.95, 0.975)}
        losses = [pinball(actual[known], at[q], q) / actual[known].mean() for q in (0.9, 0.975)]
        covered = [(actual[known] <= at[q]).mean() for q in (0.9, 0.95)]
        rows.append([float(error), *losses, *covered])
    return [float(mean) for mean in np.mean(rows, axis=0)]


def put(constant: str, value: object) -> None:
    """Give `constant` another value wherever the package has imported it to."""
    _, _, name = constant.rpartition(".")
    holders = [
        module
        for path, module in sys.modules.items()
        if path.startswith(f"{pd_forecasting.__name__}.") and hasattr(module, name)
    ]
    if not holders:
        raise KeyError(f"no module of pd_forecasting has {name}")
    for module in holders:
        setattr(module, name, value)


def _say(*cells: Sequence[str] | str) -> None:
    print(*(f"{cell!s:>14}" for cell in cells), flush=True)  # noqa: T201 - the table


if __name__ == "__main__":
    main()
