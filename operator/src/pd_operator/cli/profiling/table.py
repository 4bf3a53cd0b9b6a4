"""Prints what a profile says."""

import math

from rich.console import Console
from rich.table import Table

from pd_operator.performance import PerformanceProfile
from pd_operator.performance.accuracy import interpolation_accuracy
from pd_operator.performance.table import MonotoneTable
from pd_operator.planning.wording import duration


def print_profile(profile: PerformanceProfile, console: Console) -> None:
    """A line for each worker: a few of its times, its KV room, and how exact its tables are."""
    console.print(
        f"{profile.name}: {profile.model} on {profile.system}, {profile.engine}\n{profile.origin}",
        markup=False,
        highlight=False,
    )
    table = Table(
        *("TP", "prefill 1k", "prefill 8k", "step 1 x 1k", "step 64 x 1k", "KV tokens"),
        *("KV per token", "start", "prefill ±", "decode ±"),
        box=None,
        pad_edge=False,
    )
    for size in profile.tensor_parallel_sizes:
        worker = profile.surfaces(size)
        startup = worker.startup_seconds
        estimates = (
            worker.estimated_prefill(1024),
            worker.estimated_prefill(8192),
            worker.estimated_decode_step(1, 1024),
            worker.estimated_decode_step(64, 1024),
        )
        table.add_row(
            str(size),
            *(f"{duration(e.seconds)}{'*' if e.extrapolated else ''}" for e in estimates),
            f"{worker.kv_capacity_tokens:,}",
            f"{worker.kv_bytes_per_token / 1000:,.0f} kB",
            f"{startup:.0f} s" if startup is not None else "",
            _error(worker.prefill),
            _error(worker.decode_step),
        )
    console.print(table)
    console.print("* beyond the profile's points; ± error of interpolation, 95 of 100 points")


def _error(table: MonotoneTable) -> str:
    error = interpolation_accuracy(table).p95
    return "" if math.isnan(error) else f"{100 * error:.1f} %"
