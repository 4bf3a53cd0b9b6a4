"""All measurements of one forecaster, in as many processes as asked."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from scripts.forecast_bench.cold_start import STRIDE, ColdStart, cold_start
from scripts.forecast_bench.cost import measure as measure_cost
from scripts.forecast_bench.figures import ModelScores
from scripts.forecast_bench.origins import Walk, walk
from scripts.forecast_bench.peers import PEERS
from scripts.forecast_bench.peers import STRIDE as PEER_STRIDE
from scripts.forecast_bench.ratio import ratio_relative_mae
from scripts.forecast_bench.scores import replicas, score
from scripts.forecast_bench.series import (
    AZURE_SERIES,
    MINUTE_SERIES,
    SERVEGEN_MODELS,
    BenchSeries,
    load,
)
from scripts.forecast_bench.synthetic_figures import made_up

from pd_forecasting import Forecaster

REPLICA_QUANTILES = (0.5, 0.9, 0.95, 0.975, 0.99)


def measure(
    model: type[Forecaster],
    keys: Sequence[str],
    *,
    stride: int = 1,
    jobs: int = 1,
    starts_apart: int = STRIDE,
    say: Callable[[str], None],
    whole: bool = True,
) -> tuple[ModelScores, dict[str, Walk]]:
    """Walk `model` over the series of `keys`, and score it. Minutes of work at stride 1.

    `starts_apart` are the bins between cold starts. The cost is measured where the walk is
    `whole`.
    """
    with ProcessPoolExecutor(jobs) as pool:
        walks = {}
        for key, one in zip(keys, pool.map(partial(_walk, model, stride), keys), strict=True):
            walks[key] = one
            say(f"{model.name} {key}: {_line(one)}")
        starting = [key for key in keys if key in MINUTE_SERIES]
        starts = dict(
            zip(
                starting, pool.map(partial(_cold_start, model, starts_apart), starting), strict=True
            )
        )
    scores = ModelScores(
        model=model.name,
        horizons={key: score(one) for key, one in walks.items()},
        replicas={
            key: [replicas(walks[key], quantile) for quantile in REPLICA_QUANTILES]
            for key in AZURE_SERIES
            if key in walks
        },
        ratios=_ratios(walks),
        cold_start=starts,
        cost=measure_cost(model) if whole else None,
        made_up=made_up(model) if whole else None,
    )
    return scores, walks


def measure_peers(
    models: Sequence[type[Forecaster]], say: Callable[[str], None]
) -> list[ModelScores]:
    """Walk our `models` and the peers that are installed over the minute series' peer origins."""
    walkers: dict[str, Callable[[BenchSeries], Walk]] = {
        model.name: partial(walk, model, stride=PEER_STRIDE) for model in models
    }
    walkers |= {peer.name: peer.walked for peer in PEERS if peer.installed}
    found = []
    for name, walked in walkers.items():
        horizons = {}
        for key in MINUTE_SERIES:
            one = walked(load(key))
            horizons[key] = score(one)
            say(f"{name} {key}: {_line(one)}")
        found.append(ModelScores(name, horizons, {}, {}, {}, None))
    return found


def _walk(model: type[Forecaster], stride: int, key: str) -> Walk:
    series = load(key)
    return walk(model, series, stride if series.bin_minutes == 1 else 1)


def _cold_start(model: type[Forecaster], stride: int, key: str) -> list[ColdStart]:
    return cold_start(model, load(key), stride)


def _ratios(walks: dict[str, Walk]) -> dict[str, dict[int, float]]:
    pairs = {
        f"servegen-{name}": (f"servegen-{name}-prefill", f"servegen-{name}-decode")
        for name in SERVEGEN_MODELS
    }
    return {
        service: ratio_relative_mae(walks[prefill], walks[decode])
        for service, (prefill, decode) in pairs.items()
        if prefill in walks and decode in walks
    }


def _line(one: Walk) -> str:
    found = ", ".join(
        f"{at.lead_minutes} min {at.relative_mae:.3f} "
        f"(P90 {at.coverage_percent[0.9]:.1f} %, P95 {at.coverage_percent[0.95]:.1f} %, "
        f"block {at.worst_block_percent:.0f} %, pinball {at.pinball90_percent:.2f})"
        for at in score(one)
    )
    return f"{found}; fit {1e3 * one.fit_seconds:.0f} ms, step {1e3 * one.step_seconds:.2f} ms"
