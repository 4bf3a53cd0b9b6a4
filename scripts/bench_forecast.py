"""How well each forecaster foretells real loads, on the same origins for all.

A quick look: `--quick --models Hedge --series conv,code25`. The default forecaster's figures go to
`build/bench/forecast.json`, the tables and plots of a full run to `docs/benchmarks/`.
"""

import argparse
import os

from scripts.bench_format import write
from scripts.forecast_bench.figures import figures
from scripts.forecast_bench.measure import measure
from scripts.forecast_bench.series import all_keys

import pd_forecasting
from pd_forecasting import Forecaster

DEFAULT_MODEL = "DampedTrend"
QUICK_STRIDE = 10


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="bench_forecast", description=__doc__)
    parser.add_argument("--models", default="", help="names, comma between; all of the package")
    parser.add_argument("--series", default="", help="names or beginnings, comma between; all")
    parser.add_argument("--stride", type=int, default=1, help="bins between origins")
    parser.add_argument("--quick", action="store_true", help=f"stride {QUICK_STRIDE}, no documents")
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


def main() -> None:
    """Measure, print, and write what a full run may write."""

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - progress on the terminal

    asked = arguments()
    stride = QUICK_STRIDE if asked.quick else asked.stride
    whole = stride == 1 and not asked.series
    for model in models(asked.models):
        scores, _ = measure(
            model, keys(asked.series), stride=stride, jobs=asked.jobs, say=say, whole=whole
        )
        name = "forecast" if model.name == DEFAULT_MODEL else f"forecast-{model.name}"
        write(name, figures(scores))


if __name__ == "__main__":
    main()
