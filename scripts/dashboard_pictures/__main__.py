"""Draws the chart's dashboards: `make dashboard-pictures`, after a demo or with `PROMETHEUS=URL`.

A PNG for each dashboard goes to build/dashboards, and the panels that had no data are named.
"""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from prometheus_api_client.prometheus_connect import PrometheusConnect
from scripts.dashboard_pictures.answers import Asker, Span
from scripts.dashboard_pictures.boards import read_board
from scripts.dashboard_pictures.drawing import draw
from scripts.dashboard_pictures.stored import serving

from pd_operator.cli.moments import span

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "charts" / "pd-operator" / "dashboards"
NEWEST = "max(max_over_time(timestamp(pd_operator_leader)[14d:1m]))"
"""When the operator was scraped last."""


def pictures(
    data: Annotated[
        Path, typer.Option(help="Data folder of a Prometheus that has ended, such as the demo's.")
    ] = ROOT / "build" / "demo" / "forecast" / "prometheus" / "data",
    prometheus: Annotated[
        str | None, typer.Option(help="URL of one that runs, in place of such a folder.")
    ] = None,
    last: Annotated[str, typer.Option(help="The time range: 15m, 24h or 7d.")] = "15m",
    scrape_seconds: Annotated[float, typer.Option(help="How often pods are scraped.")] = 15.0,
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = ROOT / "build/dashboards",
) -> None:
    """Draw every dashboard of the chart as it would be in Grafana."""
    if prometheus is None and not data.is_dir():
        typer.echo(f"error: there is no {data}: run make demo, or give --prometheus", err=True)
        raise typer.Exit(1)
    out.mkdir(parents=True, exist_ok=True)
    back = span(last).total_seconds()
    with nullcontext(prometheus) if prometheus else serving(data) as url:
        asked = PrometheusConnect(url)
        (newest,) = asked.custom_query(NEWEST, params={"time": f"{time.time():.3f}"})
        end = float(newest["value"][1])
        for path in sorted(BOARDS.glob("*.json")):
            board = read_board(path)
            asker = Asker(asked, board, Span(end - back, end, scrape_seconds))
            place = out / f"{path.stem}.png"
            empty = draw(board, asker, place)
            typer.echo(f"{place}" + (f"; no data: {', '.join(empty)}" if empty else ""))


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
app.command()(pictures)

if __name__ == "__main__":
    app()
