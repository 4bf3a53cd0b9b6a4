import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd_operator.performance import EngineSurfaces, bundled_profile_names, load_bundled
from pd_operator.performance.table import MonotoneTable

WORKERS = [
    load_bundled(name).surfaces(size)
    for name in bundled_profile_names()
    for size in load_bundled(name).tensor_parallel_sizes
]
workers = st.sampled_from(WORKERS)
tokens = st.floats(0, 1_000_000)
batches = st.floats(0, 5_000)


@given(workers, batches, batches, tokens, tokens)
def test_a_decode_step_never_gets_faster_under_more_work(
    worker: EngineSurfaces, batch: float, more: float, context: float, longer: float
) -> None:
    step = worker.decode_step_seconds(batch, context)
    assert step > 0
    assert worker.decode_step_seconds(batch + more, context + longer) >= step * (1 - 1e-12)


@given(workers, tokens, tokens, batches)
def test_a_longer_prompt_never_takes_less_time(
    worker: EngineSurfaces, prompt: float, longer: float, batch: float
) -> None:
    shorter_pass = worker.prefill_seconds(prompt, batch)
    assert worker.prefill_seconds(prompt + longer, batch) >= shorter_pass * (1 - 1e-12)


@given(workers, st.lists(st.tuples(batches, tokens), min_size=1, max_size=20))
def test_one_by_one_and_many_at_once_agree(
    worker: EngineSurfaces, points: list[tuple[float, float]]
) -> None:
    batch, context = np.array(points).T
    at_once = worker.decode_step_seconds_each(batch, context)
    one_by_one = [worker.decode_step_seconds(b, c) for b, c in points]
    assert at_once == pytest.approx(one_by_one, rel=1e-9)


@given(
    st.lists(st.lists(st.floats(0.1, 10), min_size=3, max_size=3), min_size=3, max_size=3),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_a_lifted_table_gives_its_points_back_and_never_falls(
    values: list[list[float]], i: int, j: int
) -> None:
    axis = (1.0, 2.0, 5.0)
    table = MonotoneTable.lifted(axis, axis, np.array(values))
    assert table.at(axis[i], axis[j]) == pytest.approx(table.rows[i][j])
    assert table.rows[i][j] == max(max(row[: j + 1]) for row in values[: i + 1])


def test_lifting_moves_a_bundled_table_by_less_than_five_percent() -> None:
    folder = files("pd_operator.performance") / "profiles"
    for name in bundled_profile_names():
        document = json.loads((folder / f"{name}.json").read_text())
        for size, tables in document["tp"].items():
            lifted = np.array(load_bundled(name).surfaces(int(size)).decode_step.rows)
            assert np.max(lifted / (np.array(tables["decode_ms"]) / 1000)) < 1.05
