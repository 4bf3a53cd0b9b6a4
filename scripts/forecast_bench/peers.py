"""Other people's forecasters on the same series, for comparison only.

Each sees the history up to an origin and answers for the horizons asked, as a single call of its
library does. Quantiles are those of its own intervals; NaN where it has none. What is not
installed is left out.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from scripts.forecast_bench.origins import QUANTILES, Walk
from scripts.forecast_bench.series import BenchSeries, FloatArray

STRIDE = 25
"""Minutes between origins: fits take up to half a second each. A multiple of `WINDOW`."""

LOCAL_BINS = 360
"""What AutoARIMA and AutoETS are shown: six hours; more changes their forecasts little."""

WINDOW = 5
"""Bins of the windows that Dynamo's planner would forecast, one window ahead."""

_LEVELS = (80, 90, 95)
"""Two-sided intervals, in percent, whose edges are the quantiles 0.9, 0.95 and 0.975."""

Answer = tuple[FloatArray, FloatArray]
"""Points of shape (h,) and values at `QUANTILES`, shape (h, q)."""


@dataclass(frozen=True)
class Peer:
    """A forecaster: what it is called, the package it needs, and how it walks over a series."""

    name: str
    package: str
    walk: Callable[[BenchSeries, list[int]], Iterator[Answer]]

    @property
    def installed(self) -> bool:
        """Whether its package is."""
        return find_spec(self.package) is not None

    def walked(self, series: BenchSeries, last: int = 0) -> Walk:
        """Its answers at every `STRIDE`-th origin; `last` stops after so many, 0 is none."""
        origins = np.arange(series.first_origin, len(series.values) - 1, STRIDE)[: last or None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = list(self.walk(series, origins.tolist()))
        points = np.array([points for points, _ in answers])
        values = np.array([values for _, values in answers])
        return Walk(series, origins, points, values, float("nan"), float("nan"))


def _statsforecast(make: Callable[[Any], Any]) -> Callable[..., Iterator[Answer]]:
    """A model of statsforecast, fitted anew at every origin on the newest hours."""

    def walk(series: BenchSeries, origins: list[int]) -> Iterator[Answer]:
        from statsforecast import models  # noqa: PLC0415 - an extra of the benchmark

        rows = np.array(series.horizons_steps) - 1
        for origin in origins:
            history = series.values[max(0, origin + 1 - LOCAL_BINS) : origin + 1]
            found = make(models).forecast(history, int(rows.max()) + 1, level=list(_LEVELS))
            mean = np.asarray(found["mean"])[rows]
            upper = [np.asarray(found[f"hi-{level}"])[rows] for level in _LEVELS]
            lower = np.asarray(found["lo-90"])[rows]
            yield mean, np.column_stack([lower, mean, *upper]).clip(0)

    return walk


def _prophet(series: BenchSeries, origins: list[int]) -> Iterator[Answer]:
    """Prophet with a daily season on all history, in windows, quantiles from its samples."""
    import logging  # noqa: PLC0415 - only to silence what Prophet prints for every fit

    import pandas as pd  # noqa: PLC0415 - an extra of the benchmark
    from prophet import Prophet  # noqa: PLC0415 - an extra of the benchmark

    logging.getLogger("cmdstanpy").disabled = True
    start = pd.Timestamp("2024-01-01")
    for origin in origins:
        windows = _windows(series.values[: origin + 1])
        ends = origin + 1 - WINDOW * np.arange(len(windows))[::-1]
        frame = pd.DataFrame({"ds": start + pd.to_timedelta(ends, unit="min"), "y": windows})
        model = Prophet(
            daily_seasonality=True, weekly_seasonality=False, uncertainty_samples=300
        ).fit(frame, seed=1)
        asked = origin + 1 + np.array(series.horizons_steps)
        future = pd.DataFrame({"ds": start + pd.to_timedelta(asked, unit="min")})
        np.random.seed(1)
        samples = model.predictive_samples(future)["yhat"]
        points = model.predict(future)["yhat"].to_numpy().clip(0)
        yield points, np.quantile(samples, QUANTILES, axis=1).T.clip(0)


def _dynamo_arima(series: BenchSeries, origins: list[int], known_windows: int) -> Iterator[Answer]:
    """Dynamo's default as its source describes it: one `auto_arima`, then only `update`.

    The order is searched on the first `known_windows` windows before the first origin; windows
    that follow are appended. With an order that is (0, d, 0) it goes over to log1p.
    """
    import pmdarima  # noqa: PLC0415 - an extra of the benchmark

    first = _windows(series.values[: origins[0] + 1])[-known_windows:]
    model = pmdarima.auto_arima(first, suppress_warnings=True, error_action="ignore")
    logs = model.order[0] == 0 and model.order[2] == 0
    if logs:
        model = pmdarima.auto_arima(np.log1p(first), suppress_warnings=True, error_action="ignore")
    seen = origins[0] + 1
    for origin in origins:
        for window in _windows(series.values[seen : origin + 1]):
            model.update([math.log1p(window) if logs else window])
        seen = origin + 1
        ahead = float(np.asarray(model.predict(n_periods=1))[0])
        yield _held(series, max(0.0, math.expm1(ahead) if logs else ahead))


def _dynamo_kalman(series: BenchSeries, origins: list[int]) -> Iterator[Answer]:
    """Dynamo's Kalman preset, from its description: level and trend, fixed noise, one step.

    Variances are 1 for the level, 0.1 for the trend and 10 for the measurement, whatever the
    unit of the series.
    """
    move = np.array([[1.0, 1.0], [0.0, 1.0]])
    noise, measured = np.diag([1.0, 0.1]), 10.0
    windows = _windows(series.values[: origins[-1] + 1])
    first_bin = origins[-1] + 1 - WINDOW * len(windows)
    state, spread = np.array([windows[0], 0.0]), np.eye(2)
    forecasts = {}
    for index, window in enumerate(windows):
        if index:
            state, spread = move @ state, move @ spread @ move.T + noise
        gain = spread[:, 0] / (spread[0, 0] + measured)
        state = state + gain * (window - state[0])
        spread = spread - np.outer(gain, spread[0])
        forecasts[first_bin + WINDOW * (index + 1) - 1] = max(0.0, float((move @ state)[0]))
    for origin in origins:
        yield _held(series, forecasts[origin])


def _windows(values: FloatArray) -> FloatArray:
    """Means of whole windows that end with the last bin."""
    whole = len(values) // WINDOW * WINDOW
    means: FloatArray = values[len(values) - whole :].reshape(-1, WINDOW).mean(axis=1)
    return means


def _held(series: BenchSeries, ahead: float) -> Answer:
    """One window's forecast: for horizons beyond it the planner has none."""
    inside = np.array(series.horizons_steps) <= WINDOW
    points = np.where(inside, ahead, np.nan)
    return points, np.full((len(points), len(QUANTILES)), np.nan)


def _cold(series: BenchSeries, origins: list[int]) -> Iterator[Answer]:
    return _dynamo_arima(series, origins, known_windows=5)


def _warm(series: BenchSeries, origins: list[int]) -> Iterator[Answer]:
    return _dynamo_arima(series, origins, known_windows=36 * 60 // WINDOW)


PEERS = (
    Peer("AutoARIMA (statsforecast)", "statsforecast", _statsforecast(lambda m: m.AutoARIMA())),
    Peer("AutoETS (statsforecast)", "statsforecast", _statsforecast(lambda m: m.AutoETS())),
    Peer("Prophet, daily season", "prophet", _prophet),
    Peer("Dynamo ARIMA, started on 5 windows", "pmdarima", _cold),
    Peer("Dynamo ARIMA, started on 36 hours", "pmdarima", _warm),
    Peer("Dynamo Kalman preset", "numpy", _dynamo_kalman),
)
