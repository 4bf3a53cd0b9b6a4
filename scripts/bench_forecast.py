"""How well each forecaster foretells real loads, on the same origins for all.

A quick look: `--quick --models Hedge --series conv,code25`. A full run's figures of the default
forecaster go to `build/bench/forecast.json`; tables and plots of all models to `docs/benchmarks/`,
once all were measured.
"""

import argparse
import os
import sys
from collections.abc import Mapping

from scripts.bench_format import write
from scripts.forecast_bench import report
from scripts.forecast_bench.cold_start import STRIDE
from scripts.forecast_bench.figures import ModelScores, figures
from scripts.forecast_bench.measure import measure, measure_peers
from scripts.forecast_bench.reach import reach
from scripts.forecast_bench.series import all_keys
from scripts.forecast_bench.staleness import staleness
from scripts.forecast_bench.store import (
    save,
    save_peers,
    save_reach,
    save_staleness,
    save_walks,
    saved,
    saved_peers,
    saved_reach,
    saved_staleness,
    saved_walks,
)

import pd_forecasting
from pd_forecasting import Forecaster, Hedge, LastValue

DEFAULT_MODEL = Hedge.name
BESIDE_PEERS = "Hedge,LastValue,Ewma"
QUICK_STRIDE = 10
SPARSE = 8
"""Cold starts of a quick look, and of models that are not the default, are so much rarer."""


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="bench_forecast", description=__doc__)
    parser.add_argument("--models", default="", help="names, comma between; all of the package")
    parser.add_argument("--series", default="", help="names or beginnings, comma between; all")
    parser.add_argument("--stride", type=int, default=1, help="bins between origins")
    parser.add_argument("--quick", action="store_true", help=f"stride {QUICK_STRIDE}, no documents")
    parser.add_argument("--peers", action="store_true", help="only the peers that are installed")
    parser.add_argument("--staleness", action="store_true", help="only what a minute costs")
    parser.add_argument("--report", action="store_true", help="only write the page anew")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def models(names: str) -> list[type[Forecaster]]:
    """Forecaster classes by name, or all."""
    known = {model.name: model for model in pd_forecasting.FORECASTERS}
    return [known[name] for name in names.split(",")] if names else list(known.values())


def keys(beginnings: str) -> list[str]:
    """Series by name, or by how their names begin; or all."""
    found: list[str] = []
    for wanted in beginnings.split(","):
        exact = [key for key in all_keys() if key == wanted]
        found += exact or [key for key in all_keys() if key.startswith(wanted)]
    return list(dict.fromkeys(found))


def main() -> int:
    """Measure, print, and write what a whole run may write; returns the exit status."""
    asked, status = arguments(), 0
    if asked.peers:
        save_peers(measure_peers(models(BESIDE_PEERS), say))
    elif asked.staleness:
        save_staleness(staleness(Hedge))
    elif not asked.report:
        status = measure_own(asked)
    if asked.peers or asked.staleness or asked.report:
        write_report()
    return status


def say(line: str) -> None:
    """Show progress on the terminal."""
    print(line, flush=True)  # noqa: T201 - progress on the terminal


def measure_own(asked: argparse.Namespace) -> int:
    """Measure our models; write the page where they were measured whole.

    Returns the exit status. Ranges are those of the default on all origins: no other run has any.
    """
    stride = QUICK_STRIDE if asked.quick else asked.stride
    whole, status = stride == 1 and not asked.series, 0
    for model in models(asked.models):
        default = model.name == DEFAULT_MODEL
        scores, walked = measure(
            model,
            keys(asked.series),
            stride=stride,
            jobs=asked.jobs,
            starts_apart=STRIDE if default and whole else SPARSE * STRIDE,
            say=say,
            whole=whole,
        )
        if whole:
            save(scores)
        if whole and default:
            save_walks(walked)
            save_reach(reach(model.name, walked))
            save_staleness(staleness(model))
        yardstick = measured_last_value(asked, stride, keep=whole) if default else None
        name = "forecast" if default and whole else f"forecast-{model.name}"
        status = max(status, write(name, figures(scores, yardstick)))
    if whole:
        write_report()
    return status


def measured_last_value(asked: argparse.Namespace, stride: int, *, keep: bool) -> ModelScores:
    """The last value's scores on the same origins: what the default's are told against."""
    scores, _ = measure(
        LastValue,
        keys(asked.series),
        stride=stride,
        jobs=asked.jobs,
        starts_apart=SPARSE * STRIDE,
        say=say,
        whole=keep,
    )
    if keep:
        save(scores)
    return scores


def write_report() -> None:
    """Write the page of all models, the default first; none where a part was never measured."""
    found = {model.name: saved(model.name) for model in models("")}
    walks, allowed, later = saved_walks(), saved_reach(), saved_staleness()
    lacking = unmeasured(found, staleness=bool(later), walks=bool(walks and allowed))
    if lacking:
        say(f"The page stays as it is, since parts of it were not measured here: {lacking}.")
        return
    measured = [scores for scores in found.values() if scores is not None]
    say(f"written: {report.write(measured, saved_peers(), walks, allowed, later)}")


def unmeasured(found: Mapping[str, ModelScores | None], *, staleness: bool, walks: bool) -> str:
    """The commands that measure what the page lacks; empty where it lacks nothing."""
    names = [name for name, scores in found.items() if scores is None]
    if not walks and DEFAULT_MODEL not in names:
        names.insert(0, DEFAULT_MODEL)
    options = [f"--models {','.join(names)}"] if names else []
    if not staleness and DEFAULT_MODEL not in names:
        options.append("--staleness")
    return " and ".join(f"`python -m scripts.bench_forecast {option}`" for option in options)


if __name__ == "__main__":
    sys.exit(main())
