"""The settings that are tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.cli.simulating.what_if import changed

QUANTILE = "autoscaling.forecast.quantilePercent"
WINDOW = "autoscaling.behavior.scaleDown.stabilizationWindowSeconds"
MARGIN = "autoscaling.forecast.leadMarginSeconds"

QUANTILES = (50, 60, 70, 80, 90, 95)
WINDOWS = (None, 120, 600)
"""Absent is the operator's own choice; the others are a short and a long one."""

MARGINS = (0, 60)


@dataclass(frozen=True)
class Candidate:
    """Values by the path of their field; None takes the field away. Empty is the service as is."""

    settings: Mapping[str, int | None]

    @property
    def name(self) -> str:
        """Short enough for a table's row."""
        return ", ".join(_words(path, value) for path, value in self.settings.items()) or "as it is"

    def applied(self, spec: PDInferenceServiceSpec) -> PDInferenceServiceSpec:
        """The spec with these settings."""
        return changed(spec, self.settings) if self.settings else spec

    def patch(self) -> dict[str, object]:
        """The settings as they stand in a PDInferenceService, to apply or to merge."""
        patch: dict[str, Any] = {}
        for path, value in self.settings.items():
            inner = patch
            *parents, last = ("spec." + path).split(".")
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = value
        return patch


_WORDS = {QUANTILE: "P{}", WINDOW: "window {} s", MARGIN: "{} s early"}


def _words(path: str, value: int | None) -> str:
    return "own window" if value is None else _WORDS[path].format(value)


AS_IT_IS = Candidate({})


def candidates() -> Sequence[Candidate]:
    """What is tried, the service as it is first."""
    return (
        AS_IT_IS,
        *(
            Candidate({QUANTILE: quantile, WINDOW: window, MARGIN: margin})
            for quantile, window, margin in product(QUANTILES, WINDOWS, MARGINS)
        ),
    )
