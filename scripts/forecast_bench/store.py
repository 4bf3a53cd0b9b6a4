"""Scores kept between runs, so that one model can be measured anew and all be reported."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scripts.forecast_bench.cold_start import ColdStart
from scripts.forecast_bench.cost import Cost
from scripts.forecast_bench.figures import ModelScores
from scripts.forecast_bench.origins import Walk
from scripts.forecast_bench.reach import Reach
from scripts.forecast_bench.scores import HorizonScore, ReplicaScore
from scripts.forecast_bench.series import MINUTE_SERIES, load
from scripts.forecast_bench.staleness import Staleness
from scripts.forecast_bench.synthetic_figures import MadeUp

ROOT = Path(__file__).parents[2]
OWN = ROOT / "build" / "bench" / "forecast"
"""Scores of the package's own models: written by every whole run."""

WALKS = OWN / "walks.npz"
REACH = OWN / "reach.json"
STALENESS = OWN / "staleness.json"
PEERS = ROOT / "docs" / "benchmarks" / "forecast_peers.json"
"""Scores of other people's models: their packages are no dependency, so these are kept."""


def save(scores: ModelScores) -> None:
    """Keep the scores of one of our models."""
    OWN.mkdir(parents=True, exist_ok=True)
    _write(OWN / f"{scores.model}.json", asdict(scores))


def saved(model: str) -> ModelScores | None:
    """What was kept of a model; None where it was never measured whole."""
    path = OWN / f"{model}.json"
    return _read(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def save_walks(walks: Mapping[str, Walk]) -> None:
    """Keep the default forecaster's answers on the minute series, which the page draws."""
    arrays = {
        f"{key}/{name}": array
        for key, one in walks.items()
        if key in MINUTE_SERIES
        for name, array in (("origins", one.origins), ("points", one.points), ("all", one.values))
    }
    np.savez_compressed(WALKS, allow_pickle=False, **arrays)


def saved_walks() -> dict[str, Walk]:
    """What was kept of the default forecaster's answers."""
    if not WALKS.exists():
        return {}
    with np.load(WALKS) as kept:
        return {
            key: Walk(
                series=load(key),
                origins=kept[f"{key}/origins"],
                points=kept[f"{key}/points"],
                values=kept[f"{key}/all"],
                fit_seconds=math.nan,
                step_seconds=math.nan,
            )
            for key in MINUTE_SERIES
        }


def save_reach(rows: list[Reach]) -> None:
    """Keep what the shared days allow."""
    _write(REACH, [asdict(row) for row in rows])


def saved_reach() -> list[Reach]:
    """What was kept of what the shared days allow."""
    if not REACH.exists():
        return []
    return [Reach(**row) for row in json.loads(REACH.read_text(encoding="utf-8"))]


def save_staleness(rows: list[Staleness]) -> None:
    """Keep what a minute costs."""
    _write(STALENESS, [asdict(row) for row in rows])


def saved_staleness() -> list[Staleness]:
    """What was kept of what a minute costs."""
    if not STALENESS.exists():
        return []
    rows = json.loads(STALENESS.read_text(encoding="utf-8"))
    return [Staleness(**{key: _whole(value) for key, value in row.items()}) for row in rows]


def save_peers(peers: list[ModelScores]) -> None:
    """Keep the scores of the peers, and of ours on the same origins.

    Those measured earlier stay, so that a peer that is not installed is not lost.
    """
    PEERS.parent.mkdir(parents=True, exist_ok=True)
    kept = {peer.model: peer for peer in saved_peers()} | {peer.model: peer for peer in peers}
    _write(PEERS, [asdict(peer) for peer in kept.values()])


def saved_peers() -> list[ModelScores]:
    """What was kept of the peers."""
    if not PEERS.exists():
        return []
    return [_read(row) for row in json.loads(PEERS.read_text(encoding="utf-8"))]


def _write(path: Path, plain: object) -> None:
    path.write_text(json.dumps(_sent(plain), indent=1) + "\n", encoding="utf-8")


def _sent(plain: Any) -> Any:
    """Numbers with six digits, and null for NaN, which JSON does not know."""
    if isinstance(plain, float):
        return None if math.isnan(plain) else float(f"{plain:.6g}")
    if isinstance(plain, dict):
        return {str(key): _sent(value) for key, value in plain.items()}
    return [_sent(value) for value in plain] if isinstance(plain, list | tuple) else plain


def _whole(plain: Any) -> Any:
    return tuple(map(_back, plain)) if isinstance(plain, list) else plain


def _back(plain: Any) -> float:
    return math.nan if plain is None else float(plain)


def _read(plain: Mapping[str, Any]) -> ModelScores:
    cost = plain["cost"]
    return ModelScores(
        model=plain["model"],
        horizons={key: [_horizon(one) for one in many] for key, many in plain["horizons"].items()},
        replicas={
            key: [ReplicaScore(**one) for one in many] for key, many in plain["replicas"].items()
        },
        ratios={
            key: {int(lead): _back(relative_mae) for lead, relative_mae in leads.items()}
            for key, leads in plain["ratios"].items()
        },
        cold_start={
            key: [ColdStart(one["points"], _back(one["relative_mae"])) for one in many]
            for key, many in plain["cold_start"].items()
        },
        cost=None if cost is None else Cost(**cost),
        made_up=None if plain.get("made_up") is None else MadeUp(**plain["made_up"]),
    )


def _horizon(plain: Mapping[str, Any]) -> HorizonScore:
    whole = {"lead_minutes", "origins", "coverage_percent"}
    return HorizonScore(
        lead_minutes=plain["lead_minutes"],
        origins=plain["origins"],
        coverage_percent={float(q): _back(v) for q, v in plain["coverage_percent"].items()},
        **{name: _back(value) for name, value in plain.items() if name not in whole},
    )
