"""A service's own past is played as it may have been."""

import numpy as np
import pytest

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.simulating.own_past import OwnPast
from pd_operator.cli.simulating.request import Flags, ask
from pd_operator.demand import DemandHistory, LengthDistribution
from pd_operator.planning.plan import PlanningError

BEGIN = 1_700_000_040.0
MINUTES = 240
SERVICE = PDInferenceService.parse(
    {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": "chat", "namespace": "team"},
        "spec": {
            "model": {"path": "org/model"},
            "engine": {"profile": {"name": "llama-3.1-8b-h100"}},
            "objectives": {"ttft": {"milliseconds": 500}, "tpot": {"milliseconds": 15}},
            "prefill": {"maxReplicas": 8},
            "decode": {"maxReplicas": 8},
            "autoscaling": {"forecast": {"resolutionSeconds": 60}},
            "metrics": {"prometheusUrl": "http://prometheus:9090"},
        },
    }
)


@pytest.fixture
def past() -> OwnPast:
    """Four hours: two requests a second, five from the third hour on, a minute never scraped."""
    rates = np.where(np.arange(MINUTES) < 120, 2.0, 5.0)
    prompts = np.where(np.arange(MINUTES) < 180, 1000.0, 2000.0)
    rates[150] = prompts[150] = np.nan
    return OwnPast(
        DemandHistory(BEGIN, 60.0, rates, prompts, np.full(MINUTES, 100.0)),
        LengthDistribution((500.0, 1500.0, 4000.0), (1.0, 1.0, 0.5)),
        LengthDistribution.constant(100.0),
    )


def test_as_many_requests_come_as_were_counted_in_each_bin(past: OwnPast) -> None:
    requests = past.since(BEGIN, seed=1)
    counts = np.bincount((requests.arrival_seconds // 60).astype(int), minlength=MINUTES)
    assert counts[:120].mean() == pytest.approx(120, rel=0.03)
    assert counts[120:].mean() == pytest.approx(300, rel=0.03)
    assert counts[150] > 200, "a bin that nobody measured is like the one before"
    assert (np.diff(requests.arrival_seconds) >= 0).all()


def test_lengths_keep_their_kinds_and_follow_the_mean_of_their_bin(past: OwnPast) -> None:
    requests = past.since(BEGIN, seed=1)
    late = requests.arrival_seconds >= 180 * 60
    assert set(requests.prompt_tokens.tolist()) == {500, 1500, 4000}
    assert requests.prompt_tokens[~late].mean() == pytest.approx(1000, rel=0.03)
    assert requests.prompt_tokens[late].mean() == pytest.approx(2000, rel=0.03)
    assert (requests.output_tokens == 100).all()


def test_what_comes_before_is_history_as_prometheus_has_it(past: OwnPast) -> None:
    request = ask(SERVICE, Flags(past=past, history_hours=3.0, seed=1))
    history = request.earlier.history(60.0)
    assert history is not None
    assert len(history) == 180
    assert history.end_seconds == 0.0
    assert np.isnan(history.requests_per_second[150])
    assert request.begin_seconds == BEGIN + 3 * 3600
    assert request.requests.span_seconds == pytest.approx(3600, abs=5)


def test_a_setting_with_other_bins_knows_the_same_load_in_them(past: OwnPast) -> None:
    request = ask(SERVICE, Flags(past=past, history_hours=3.0, seed=1))
    history = request.earlier.history(300.0)
    assert history is not None
    assert (len(history), history.bin_seconds, history.end_seconds) == (36, 300.0, 0.0)
    assert history.requests_per_second[:24].mean() == pytest.approx(2.0, rel=0.03)
    assert history.requests_per_second[24:].mean() == pytest.approx(5.0, rel=0.03)
    none_before = ask(SERVICE, Flags(past=past, history_hours=0.0))
    assert none_before.earlier.history(60.0) is None


def test_of_a_long_past_only_the_newest_hours_count(past: OwnPast) -> None:
    newest = past.newest(1.5)
    assert newest.hours == 1.5
    assert newest.history.end_seconds == past.history.end_seconds
    assert past.newest(100.0).hours == past.hours


def test_the_same_past_and_seed_give_the_same_requests(past: OwnPast) -> None:
    one, other, third = (past.since(BEGIN, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.arrival_seconds, other.arrival_seconds)
    assert not np.array_equal(one.arrival_seconds[:100], third.arrival_seconds[:100])


def test_more_history_than_there_is_past_is_refused(past: OwnPast) -> None:
    with pytest.raises(PlanningError, match="less than the past"):
        ask(SERVICE, Flags(past=past, history_hours=4.0))
