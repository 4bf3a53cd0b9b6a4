"""`python -m pd_e2e.demo.report`: make the report and the README's pictures of runs on disk."""

import argparse
from pathlib import Path

from pd_e2e.demo.archive import load_run
from pd_e2e.demo.report import write_comparison, write_picture, write_report


def main() -> None:
    """Write what the command line asks for."""
    options = argparse.ArgumentParser(
        prog="python -m pd_e2e.demo.report",
        description="Make the report and the README's pictures of runs that were played before.",
    )
    options.add_argument("run", type=Path, help="folder of a run, for instance build/demo/forecast")
    options.add_argument("--report", type=Path, help="write the report here (HTML)")
    options.add_argument("--picture", type=Path, help="draw the run here (SVG)")
    options.add_argument("--against", type=Path, help="folder of a reactive run of the same day")
    options.add_argument("--comparison", type=Path, help="draw both side by side here (SVG)")
    wanted = options.parse_args()
    if (wanted.comparison is None) != (wanted.against is None):
        options.error("--against and --comparison go together")

    run = load_run(wanted.run)
    if wanted.report is not None:
        write_report(wanted.report, run)
    if wanted.picture is not None:
        write_picture(wanted.picture, run)
    if wanted.comparison is not None:
        reactive = load_run(wanted.against)
        write_comparison(
            wanted.comparison,
            {
                f"With the forecast ({run.forecast_model})": run,
                f"Reactive ({reactive.forecast_model})": reactive,
            },
        )


if __name__ == "__main__":
    main()
