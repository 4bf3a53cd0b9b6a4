"""The operator's own chain decides in the simulator."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import Demand, DemandHistory
from pd_operator.performance import ProfileError, load_bundled
from pd_operator.scaling.autoscaler import Outcome
from pd_operator.scaling.observation import Known, Unknown
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.simulation import (
    Pools,
    PoolSnapshot,
    Requests,
    Snapshot,
    WorkerSnapshot,
    simulate,
)
from pd_operator.simulation.from_spec import engine_of, service_of
from pd_operator.simulation.load_watch import LoadWatch
from pd_operator.simulation.operator_policy import OperatorPolicy

PROFILE = load_bundled("llama-3.1-8b-h100")
NOBODY = PoolSnapshot((), draining=0, starting=0, busy_seconds=0.0)


def spec(**pools: object) -> PDInferenceServiceSpec:
    bounds = {"maxReplicas": 12, "expectedStartupSeconds": 60, **pools}
    return PDInferenceServiceSpec.model_validate(
        {
            "model": {"path": "meta-llama/Llama-3.1-8B-Instruct"},
            "engine": {"profile": {"name": "llama-3.1-8b-h100"}},
            "objectives": {
                "ttft": {"percentile": 90, "milliseconds": 400},
                "tpot": {"percentile": 90, "milliseconds": 12},
            },
            "prefill": bounds,
            "decode": bounds,
            "autoscaling": {"forecast": {"model": "Ewma", "resolutionSeconds": 30}},
            "metrics": {"prometheusUrl": "http://prometheus:9090"},
        }
    )


def requests(rates: list[tuple[float, float]], seed: int = 1) -> Requests:
    """Poisson arrivals of a rate for so many seconds, and then the next."""
    rng = np.random.default_rng(seed)
    arrivals, start = [], 0.0
    for seconds, rate in rates:
        arrivals.append(start + np.sort(rng.uniform(0, seconds, int(rate * seconds))))
        start += seconds
    at = np.concatenate(arrivals)
    prompt = rng.lognormal(6.7, 0.8, len(at)).clip(1, 16_000).astype(int)
    return Requests.of(at, prompt, rng.integers(20, 300, len(at)))


def seen(watch: LoadWatch, load: Requests, period: float, until: float) -> None:
    """Show a load to the watch, each answer complete as it is asked for."""
    done = 0
    for now in np.arange(period, until + period / 2, period):
        upto = int(np.searchsorted(load.arrival_seconds, now, side="right"))
        part = load.part(done, upto)
        times = np.ones(len(part), dtype=np.float32)
        watch.see(Snapshot(float(now), part, part, times, times, NOBODY, NOBODY))
        done = upto


def test_history_holds_every_request_and_token_in_its_bin() -> None:
    load = requests([(120, 5.0), (60, 0.0), (120, 10.0)])
    watch = LoadWatch(30.0, 60.0, None)
    seen(watch, load, period=10.0, until=300.0)
    history = watch.history
    assert (history.start_seconds, history.end_seconds, len(history)) == (0.0, 300.0, 10)
    assert history.requests_per_second.sum() * 30 == len(load)
    assert history.requests_per_second[4:6].tolist() == [0.0, 0.0]
    assert math.isnan(history.prompt_tokens_mean[4])
    assert history.prompt_tokens_per_second.sum() * 30 == pytest.approx(load.prompt_tokens.sum())
    assert history.output_tokens_per_second.sum() * 30 == pytest.approx(load.output_tokens.sum())


def test_history_goes_on_from_an_older_one() -> None:
    level = np.full(20, 4.0)
    older = DemandHistory(-600.0, 30.0, level, 100 * level, 50 * level)
    watch = LoadWatch(30.0, 60.0, older)
    seen(watch, requests([(60, 5.0)]), period=15.0, until=60.0)
    assert (watch.history.start_seconds, watch.history.end_seconds) == (-600.0, 60.0)


def test_demand_is_that_of_the_window() -> None:
    load = requests([(300, 2.0), (60, 20.0)])
    watch = LoadWatch(30.0, 60.0, None)
    seen(watch, load, period=10.0, until=360.0)
    demand = watch.demand(360.0)
    assert isinstance(demand, Known)
    assert demand.value.requests_per_second == pytest.approx(20.0)
    assert demand.value.prompt_tokens.mean == pytest.approx(load.prompt_tokens[-1200:].mean())


@pytest.mark.parametrize("period", [7.0, 20.0, 45.0, 90.0])
def test_the_rate_is_right_whatever_the_period(period: float) -> None:
    watch = LoadWatch(30.0, 30.0, None)
    seen(watch, requests([(900, 20.0)]), period, until=10 * period)
    demand = watch.demand(10 * period)
    assert isinstance(demand, Known)
    assert demand.value.requests_per_second == pytest.approx(20.0, rel=0.2)


def test_before_the_first_answer_is_complete_demand_is_unknown() -> None:
    load = requests([(10, 5.0)])
    nothing = load.part(0, 0)
    watch = LoadWatch(30.0, 60.0, None)
    none = np.empty(0, dtype=np.float32)
    watch.see(Snapshot(10.0, load, nothing, none, none, NOBODY, NOBODY))
    assert isinstance(watch.demand(10.0), Unknown)


class Onlooker:
    """Leaves the pools as they are and shows what it is shown to a watch."""

    period_seconds = 1.0

    def __init__(self, watch: LoadWatch, pools: Pools) -> None:
        self._watch, self._pools = watch, pools
        self.demands: list[Demand] = []

    def decide(self, snapshot: Snapshot) -> Pools:
        self._watch.see(snapshot)
        demand = self._watch.demand(snapshot.time_seconds)
        if isinstance(demand, Known):
            self.demands.append(demand.value)
        return self._pools


def test_the_context_of_decode_is_measured_as_prometheus_would_and_not_reckoned_from_lengths() -> (
    None
):
    """Long prompts with short answers, short ones with long: decode mostly holds the latter."""
    at = np.sort(np.random.default_rng(3).uniform(0, 600, 12_000))
    long = np.arange(len(at)) % 2 == 0
    load = Requests.of(at, np.where(long, 8000, 500), np.where(long, 10, 190))
    onlooker = Onlooker(LoadWatch(30.0, 300.0, None), Pools(6, 2))
    simulate(load, service_of(spec(), PROFILE), Pools(6, 2), policy=onlooker)
    context = onlooker.demands[-1].context_tokens_mean
    by_time = (9 * (8000 + 5) + 189 * (500 + 95)) / 198  # the first token is prefill's
    assert context == pytest.approx(by_time, rel=0.1)


def test_the_context_is_that_of_the_window() -> None:
    watch, load = LoadWatch(30.0, 60.0, None), requests([(300, 5.0)])
    for now in range(30, 330, 30):
        running = 4 if now <= 240 else 1
        tokens = 8000 if now <= 240 else 500
        worker = WorkerSnapshot(1, running, 0, 0, 0, running * tokens, 0, 100_000, 0, 0.0)
        part = load.part(5 * (now - 30), 5 * now)
        decode = PoolSnapshot((worker,), draining=0, starting=0, busy_seconds=0.0)
        times = np.ones(len(part), dtype=np.float32)
        watch.see(Snapshot(float(now), part, part, times, times, NOBODY, decode))
    demand = watch.demand(300.0)
    assert isinstance(demand, Known)
    assert demand.value.context_tokens_mean == 500.0


def test_where_nothing_runs_no_context_is_known() -> None:
    watch = LoadWatch(30.0, 60.0, None)
    seen(watch, requests([(60, 5.0)]), period=10.0, until=60.0)
    demand = watch.demand(60.0)
    assert isinstance(demand, Known)
    assert demand.value.context_tokens_mean is None


def test_the_operator_follows_a_load_and_keeps_its_objectives() -> None:
    load = requests([(900, 15.0), (900, 60.0), (1800, 15.0)])
    wanted = spec()
    policy = OperatorPolicy(wanted, engine_of(wanted, PROFILE))
    service = service_of(wanted, PROFILE)
    result = simulate(load, service, Pools(2, 2), policy=policy)
    sizes = {size.time_seconds: size.prefill_serving + size.decode_serving for size in result.sizes}
    assert sizes[1740.0] > sizes[840.0]
    assert sizes[3540.0] < sizes[1740.0]
    objectives = ScalingSettings.from_spec(wanted).objectives
    assert result.attained(objectives).tpot > 0.9
    largest = max(sizes.values())
    assert result.gpu_seconds < 0.9 * largest * result.span_seconds
    assert len(policy.outcomes) == len(result.sizes)
    assert all(one.decision is not None and one.decision.links for one in policy.outcomes)


def test_with_history_the_policy_looks_ahead_from_the_first_decision_on() -> None:
    wanted = spec()
    level = np.full(200, 100.0)
    history = DemandHistory(-6000.0, 30.0, level, 8 * level, 2 * level)
    policy = OperatorPolicy(wanted, engine_of(wanted, PROFILE), history)
    simulate(requests([(60, 100.0)]), service_of(wanted, PROFILE), Pools(1, 1), policy=policy)
    first = policy.outcomes[0].decision
    assert first is not None
    ahead = first.links[0]
    assert ahead.name == "Forecast"
    assert ahead.prefill > 1


def test_a_profile_without_the_size_is_refused() -> None:
    with pytest.raises(ProfileError, match="no tensor-parallel size 32"):
        service_of(spec(tensorParallelSize=32), PROFILE)


def tick(policy: OperatorPolicy, snapshot: Snapshot) -> Outcome:
    """What the operator made of it."""
    policy.decide(snapshot)
    return policy.outcomes[-1]


def test_the_operator_takes_a_load_that_was_scraped_too_long_ago_for_unknown() -> None:
    policy = OperatorPolicy(spec(), engine_of(spec(), PROFILE))
    load = requests([(60, 5.0)])
    times = np.ones(len(load), dtype=np.float32)
    fresh = Snapshot(60.0, load, load, times, times, NOBODY, NOBODY, scraped_seconds=59.0)
    assert isinstance(tick(policy, fresh).observation.demand, Known)
    nothing, none = load.part(0, 0), times[:0]
    late = Snapshot(240.0, nothing, nothing, none, none, NOBODY, NOBODY, scraped_seconds=59.0)
    demand = tick(policy, late).observation.demand
    assert isinstance(demand, Unknown)
    assert demand.reason == "MetricsStale"


def test_the_operator_sees_how_long_its_workers_wait_for_gpus() -> None:
    policy = OperatorPolicy(spec(), engine_of(spec(), PROFILE))
    load = requests([(60, 5.0)])
    times = np.ones(len(load), dtype=np.float32)
    waiting = replace(NOBODY, pending_seconds=(130.0, 20.0))
    seen = tick(policy, Snapshot(60.0, load, load, times, times, waiting, NOBODY)).observation
    assert [one.age_seconds for one in seen.prefill.workers] == [130.0, 20.0]
    assert seen.prefill.unschedulable == seen.prefill.current == 2


def test_no_two_workers_are_seen_under_one_name() -> None:
    """What is known of an engine is kept by name: two of one name would be one engine twice."""
    worker = WorkerSnapshot(0, 1, 0, 0, 0, 100, 100, 100_000, 0, 0.0)
    pool = PoolSnapshot((worker,), draining=1, starting=2, busy_seconds=0.0, pending_seconds=(3.0,))
    load = requests([(60.0, 5.0)])
    latencies = (np.full(len(load), 0.1),) * 2
    policy = OperatorPolicy(spec(), engine_of(spec(), PROFILE))
    seen = tick(policy, Snapshot(60.0, load, load, *latencies, pool, pool)).observation
    names = [one.name for one in (*seen.prefill.workers, *seen.decode.workers)]
    assert len(set(names)) == len(names) == 10
