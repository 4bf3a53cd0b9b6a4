"""What several reports draw alike."""

from matplotlib.axes import Axes

from pd_operator.demand import FloatArray


def workers(
    axes: Axes, times: FloatArray, wanted: FloatArray, ready: FloatArray, color: str
) -> None:
    """A line of the workers that were wanted above the area of those that were ready."""
    axes.fill_between(times, ready, step="post", color=color, alpha=0.18, lw=0, label="ready")
    axes.step(times, wanted, where="post", color=color, label="wanted")
