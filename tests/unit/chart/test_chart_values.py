"""The table of values in the chart's README."""

from pathlib import Path

import pytest
import yaml
from scripts.chart_values import Value, comments, rows, written

CHART = Path(__file__).parents[3] / "charts" / "pd-operator"
VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
ROWS = list(rows(yaml.safe_load(VALUES), comments(VALUES)))


def test_the_table_is_as_generated() -> None:
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    assert written(readme, VALUES) == readme, "make chart-values"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ".".join(row.path))
def test_every_value_is_explained(row: Value) -> None:
    assert row.description.endswith((".", ")")), row


def test_a_map_without_comments_of_its_own_is_one_value() -> None:
    text = "# Whole.\nresources:\n  limits: {memory: 1Gi}\nlog:\n  # How loud.\n  level: info\n"
    assert list(rows(yaml.safe_load(text), comments(text))) == [
        Value(("resources",), "Whole.", {"limits": {"memory": "1Gi"}}),
        Value(("log", "level"), "How loud.", "info"),
    ]
