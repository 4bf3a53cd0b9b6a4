"""How far an interpolated value may be off its source."""

from dataclasses import dataclass

import numpy as np

from pd_operator.performance.table import FloatArray, MonotoneTable


@dataclass(frozen=True)
class InterpolationAccuracy:
    """Relative errors of a table at points between its own: half of them are below `median`."""

    median: float
    p95: float


def interpolation_accuracy(table: MonotoneTable) -> InterpolationAccuracy:
    """The error stated for a table: that of leaving each inner point out and interpolating it.

    An upper bound: without the point its neighbors lie twice as far apart as any two points do.
    Against the source of the bundled tables the error is a half to a third of it. Tables without
    an inner point say nothing of themselves: NaN.
    """
    rows = np.asarray(table.rows)
    errors = np.concatenate([_left_out(table.xs, rows), _left_out(table.ys, rows.T)])
    if not errors.size:
        return InterpolationAccuracy(float("nan"), float("nan"))
    return InterpolationAccuracy(float(np.median(errors)), float(np.percentile(errors, 95)))


def _left_out(axis: tuple[float, ...], values: FloatArray) -> FloatArray:
    """Relative errors at each inner point of the axis, if only its neighbors were known."""
    x = np.asarray(axis)
    share = ((x[1:-1] - x[:-2]) / (x[2:] - x[:-2]))[:, np.newaxis]
    between = values[:-2] + share * (values[2:] - values[:-2])
    errors: FloatArray = np.abs(between / values[1:-1] - 1).ravel()
    return errors
