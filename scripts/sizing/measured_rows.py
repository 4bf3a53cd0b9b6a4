"""Time per output token against real engines, before and after calibration on a fifth of the rows.

The rows (`scripts/bench_data/measured_rows.csv`) are runs of SGLang on real GPUs, made
public with aiconfigurator: a fixed number of clients, each sending its next request when the last
one is answered. One server did prefill and decode, so a token waits for two things: its own step,
and the prompts of others that come in between. With B sequences that each make `osl` tokens, B
prompts are computed in the time of `osl` steps:

    TPOT = tau(B, isl + osl / 2) + B S(isl) / osl

Calibration gives each of the two a ratio, as the operator does for its two roles, within its
bounds. Each fifth of a model's rows calibrates once, and is judged by the other four.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scripts.bench_format import Figure, write
from scripts.bench_inputs import measured_rows

from pd_operator.performance import (
    EngineSurfaces,
    PerformanceProfile,
    load_bundled,
    parse_profile,
)
from pd_operator.performance.calibration import PROFILE_BOUNDS
from pd_operator.performance.table import FloatArray

FOLDS = 5
GOAL_PERCENT = 8.0

_SETTLED_ROUNDS = 50

_HALF = 0.5
"""Clients that begin together wait for each other's prompts before their first token as long as
after it: of the prompts that share a request's life, one half delays its tokens.
"""

_LOYALTY = 0.03
_SHARES = np.linspace(0.0, PROFILE_BOUNDS.high, 41)


@dataclass(frozen=True)
class Row:
    """One measured run: clients, lengths in tokens, and seconds per output token."""

    clients: int
    prompt_tokens: int
    output_tokens: int
    tpot_seconds: float
    tensor_parallel_size: int


@dataclass(frozen=True, eq=False)
class Predicted:
    """Of some rows: seconds of a step, seconds that prompts add to it, seconds measured."""

    step: FloatArray
    prompts: FloatArray
    measured: FloatArray

    def part(self, chosen: FloatArray) -> "Predicted":
        """Some of the rows, by a mask."""
        return Predicted(self.step[chosen], self.prompts[chosen], self.measured[chosen])

    def errors(self, ratios: tuple[float, float] = (1.0, 1.0)) -> FloatArray:
        """Relative errors with these ratios of steps and prompts."""
        off: FloatArray = ratios[0] * self.step + ratios[1] * self.prompts - self.measured
        return np.abs(off) / self.measured


def figures() -> list[Figure]:
    """The errors: of all models together (with the issue's goal), and of each."""
    return list(_figures({name: list(found) for name, found in _models().items()}))


def _figures(models: Mapping[str, list[Predicted]]) -> Iterator[Figure]:
    joined = {name: _joined(parts) for name, parts in models.items() if parts}
    calibrated = {name: calibrated_errors(rows) for name, rows in joined.items()}
    raw = {name: rows.errors() for name, rows in joined.items()}
    together = np.concatenate(list(calibrated.values()))
    yield _percent("tpot_error_calibrated_median_percent", together, GOAL_PERCENT)
    yield _percent("tpot_error_uncalibrated_median_percent", np.concatenate(list(raw.values())))
    for name in joined:
        yield _percent(f"tpot_error_calibrated_median_percent/{name}", calibrated[name])
        yield _percent(f"tpot_error_uncalibrated_median_percent/{name}", raw[name])
    yield Figure("measured_rows", sum(len(rows.measured) for rows in joined.values()), "rows")


def _percent(name: str, errors: FloatArray, goal: float | None = None) -> Figure:
    return Figure(name, 100 * float(np.median(errors)), "%", goal)


def calibrated_errors(rows: Predicted) -> FloatArray:
    """Errors of four fifths after calibration on the fifth, for each fifth in turn."""
    fold = np.arange(len(rows.measured)) % FOLDS
    return np.concatenate(
        [
            rows.part(fold != each).errors(calibrate(rows.part(fold == each)))
            for each in range(FOLDS)
        ]
    )


def calibrate(rows: Predicted) -> tuple[float, float]:
    """Ratios of steps and of prompts with the least mean error; near half for prompts if in doubt.

    The best ratio of steps makes one of the rows exact, so those are tried.
    """
    best, least = (1.0, 1.0), np.inf
    for share in _SHARES:
        candidates = np.clip(
            (rows.measured - share * rows.prompts) / rows.step,
            PROFILE_BOUNDS.low,
            PROFILE_BOUNDS.high,
        )
        for ratio in candidates:
            error = float(rows.errors((ratio, share)).mean()) + _LOYALTY * abs(share - _HALF)
            if error < least:
                best, least = (float(ratio), float(share)), error
    return best


def _models() -> dict[str, Iterator[Predicted]]:
    own = Path(__file__).parent / "profiles"

    def stored(name: str) -> PerformanceProfile:
        return parse_profile((own / f"{name}.json").read_text(), name)

    profiles = {
        ("Qwen/Qwen3-32B", "h100_sxm"): load_bundled("qwen3-32b-h100"),
        ("deepseek-ai/DeepSeek-R1", "h200_sxm"): load_bundled("deepseek-v3-h200"),
        ("meta-llama/Llama-3.1-8B-Instruct", "h200_sxm"): load_bundled("llama-3.1-8b-h200"),
        ("Qwen/Qwen3-235B-A22B-FP8", "h200_sxm"): stored("qwen3-235b-a22b-fp8-h200"),
        ("Qwen/Qwen3.5-397B-A17B", "h200_sxm"): stored("qwen3.5-397b-a17b-h200"),
    }
    return {
        profile.name: predicted(_runs(model, gpu), profile)
        for (model, gpu), profile in profiles.items()
    }


def _runs(model: str, gpu: str) -> list[Row]:
    """A model's runs on one server, by ascending load."""
    runs = [
        Row(
            int(row["concurrency"]),
            int(row["isl"]),
            int(row["osl"]),
            float(row["tpot_ms"]) / 1000,
            int(row["tp"]),
        )
        for row in measured_rows()
        if (row["model"], row["system"]) == (model, gpu)
    ]

    def load(run: Row) -> tuple[int, ...]:
        return (run.tensor_parallel_size, run.prompt_tokens, run.output_tokens, run.clients)

    return sorted(runs, key=lambda run: (*load(run), run.tpot_seconds))


def predicted(runs: list[Row], profile: PerformanceProfile) -> Iterator[Predicted]:
    """What the profile says of each run that it covers."""
    for run in runs:
        if run.tensor_parallel_size not in profile.tensor_parallel_sizes:
            continue
        step, prompts = _tpot_parts(run, profile.surfaces(run.tensor_parallel_size))
        yield Predicted(np.array([step]), np.array([prompts]), np.array([run.tpot_seconds]))


def _tpot_parts(run: Row, worker: EngineSurfaces) -> tuple[float, float]:
    """Seconds of a step, and that prompts add to it, at the batch that settles.

    A client is either in its prefill or in the batch, by the shares of time of the two.
    """
    context = run.prompt_tokens + run.output_tokens / 2
    alone = worker.prefill_seconds(run.prompt_tokens)
    batch, step, prompts = float(run.clients), 0.0, 0.0
    for _ in range(_SETTLED_ROUNDS):
        step = worker.decode_step_seconds(batch, context)
        prompts = batch / run.output_tokens * alone
        decoding = (step + prompts) * run.output_tokens
        batch = run.clients * decoding / (decoding + alone)
    return step, prompts


def _joined(parts: list[Predicted]) -> Predicted:
    return Predicted(
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.prompts for part in parts]),
        np.concatenate([part.measured for part in parts]),
    )


if __name__ == "__main__":
    sys.exit(write("measured_rows", figures()))
