"""Bins, bounds and templates hold for any figures."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.telemetry.attained import Share, joint_attainment
from pd_operator.telemetry.bins import MAXIMUM_POINTS, Bins
from pd_operator.telemetry.engine_load import NonsenseError, parse_load
from pd_operator.telemetry.promql import NEWEST_SAMPLE, bin_window, range_window
from pd_operator.telemetry.series import OWN_SERIES, SeriesOfOneCluster
from pd_operator.telemetry.template import Edge, Seconds, Template

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def asked_about(namespace: str, service: str, metric: str, cluster: str) -> str:
    """A query about a service in one of several clusters."""
    series = SeriesOfOneCluster(OWN_SERIES, (("cluster", cluster),))
    pods = series.workers(ServiceKey(namespace, service), Role.PREFILL)
    return NEWEST_SAMPLE.render(metric=metric, pods=pods)


@given(TEXT, TEXT, TEXT, TEXT)
def test_a_label_value_never_becomes_syntax(
    namespace: str, service: str, metric: str, cluster: str
) -> None:
    query = asked_about(namespace, service, metric, cluster)
    assert STRING.sub("_", query) == STRING.sub("_", asked_about("a", "b", "c", "d"))


@given(st.floats(0.001, 1e7))
def test_a_duration_is_whole_milliseconds(seconds: float) -> None:
    rendered = Seconds(seconds).rendered()
    assert rendered.endswith("ms")
    assert abs(int(rendered.removesuffix("ms")) / 1000 - seconds) <= 0.0005 + 1e-9 * seconds


@given(st.integers(1, 10_000_000))
def test_an_edge_matches_the_ways_to_write_it_and_no_other(milliseconds: int) -> None:
    edge = milliseconds / 1000
    pattern = re.compile(Edge(edge).rendered()[1:-1].replace("\\\\", "\\"))
    assert pattern.fullmatch(str(edge))
    if milliseconds % 1000 == 0:
        assert pattern.fullmatch(str(milliseconds // 1000))
    assert not pattern.fullmatch(str((milliseconds + 1) / 1000))
    assert not pattern.fullmatch(str(edge).replace(".", "0"))


def test_a_template_takes_exactly_its_holes() -> None:
    template = Template("age", "An age.", "max(x{namespace=$namespace}[$window])")
    with pytest.raises(KeyError):
        template.render(namespace="a")
    with pytest.raises(ValueError, match="no hole"):
        template.render(namespace="a", window=Seconds(5), service="b")
    with pytest.raises(ValueError, match="1 ms"):
        template.render(namespace="a", window=Seconds(0.0))


@given(st.floats(1, 3600), st.floats(1, 300))
def test_a_window_holds_four_scrapes_and_a_bin(resolution: float, scrape: float) -> None:
    window = range_window(resolution, scrape)
    assert window >= resolution
    assert window >= 4 * scrape


@given(st.floats(1, 3600), st.floats(1, 300))
def test_the_window_of_a_bin_reaches_from_a_scrape_before_it_to_its_end(
    resolution: float, scrape: float
) -> None:
    window = bin_window(resolution, scrape)
    assert window == pytest.approx(max(resolution + scrape, 4 * scrape))


@given(st.integers(0, 2_000_000_000), st.integers(0, 500_000), st.integers(1, 3600))
def test_bins_lie_on_the_step_and_within_the_range(start: int, length: int, step: int) -> None:
    bins = Bins.within(start, start + length, step)
    assert bins.start_seconds % step == 0
    assert start <= bins.start_seconds < start + step
    if bins.count:
        assert bins.end_of(bins.count - 1) <= start + length
    assert bins.start_seconds + (bins.count + 1) * step > start + length


@given(st.integers(0, 50_000), st.integers(5, 600))
def test_chunks_ask_for_every_bin_once_and_for_few_at_a_time(count: int, step: int) -> None:
    bins = Bins(start_seconds=1_000.0 * step, bin_seconds=step, count=count)
    asked: list[float] = []
    for first, last in bins.chunks():
        points = round((last - first) / step) + 1
        assert points <= MAXIMUM_POINTS
        asked += [first + i * step for i in range(points)]
    assert asked == [bins.end_of(index) for index in range(count)]


@given(st.lists(st.floats(0, 1e6) | st.just(math.nan), min_size=1, max_size=50), st.data())
def test_a_sample_fills_the_bin_that_ends_with_it(values: list[float], data: st.DataObject) -> None:
    bins = Bins(start_seconds=600.0, bin_seconds=15.0, count=len(values))
    present = data.draw(st.sets(st.integers(0, len(values) - 1)))
    filled = bins.filled([(bins.end_of(index), values[index]) for index in present])
    expected = [value if i in present else math.nan for i, value in enumerate(values)]
    np.testing.assert_array_equal(filled, expected)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_the_joint_bounds_hold_whichever_requests_missed_what(
    requests: list[tuple[bool, bool]],
) -> None:
    total = len(requests)
    ttft = Share(sum(t for t, _ in requests), total)
    tpot = Share(sum(t for _, t in requests), total)
    seen = joint_attainment(ttft, tpot)
    both = sum(a and b for a, b in requests) / total
    assert seen.joint_low - 1e-9 <= both <= seen.joint_high + 1e-9
    assert seen.joint_high <= min(seen.ttft, seen.tpot) + 1e-9


@given(st.floats(0.1, 1e6), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_answers_of_one_token_cannot_miss_the_time_per_token(
    requests: float, ttft: float, longer: float, tpot: float
) -> None:
    assume(longer > 0)
    measured = requests * longer
    seen = joint_attainment(Share(requests * ttft, requests), Share(measured * tpot, measured))
    assert 0 <= seen.joint_low <= seen.joint_high + 1e-9
    assert seen.joint_high <= seen.ttft + 1e-9
    assert seen.joint_high >= min(seen.ttft, seen.tpot) - 1e-9


NUMBERS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3)
QUEUES = st.dictionaries(
    st.sampled_from(["mode", "prefill_bootstrap_queue_reqs", "decode_transfer_queue_reqs"]),
    NUMBERS | st.sampled_from(["prefill", "decode", "null"]),
)
RANKS = st.dictionaries(
    st.sampled_from(["num_running_reqs", "num_waiting_reqs", "decode_moments", "disaggregation"]),
    NUMBERS | QUEUES | st.lists(NUMBERS, max_size=7),
)
JSON = st.recursive(
    NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)
)


@given(JSON | st.fixed_dictionaries({"loads": st.lists(RANKS | JSON, max_size=3)}))
def test_no_document_is_half_believed(document: object) -> None:
    # Something is missing in all of these.
    with pytest.raises(NonsenseError):
        parse_load(document)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e300])
def test_what_no_load_can_be_is_a_missing_bin(value: float) -> None:
    filled = Bins.within(0.0, 180.0, 60.0).filled([(60.0, 1.0), (120.0, value), (180.0, 0.0)])
    np.testing.assert_array_equal(filled, [1.0, math.nan, 0.0])
