"""A service as something that rich can draw on a terminal, field by field."""

from rich.table import Table
from rich.text import Text

from pd_operator.cli.top.view import Attained, ForecastView, PoolView, ServiceView
from pd_operator.cli.top.widgets import fields, rate, sparkline, worker_bar

PREFILL_STYLE = "bright_blue"
DECODE_STYLE = "orange1"
SPARKLINE_WIDTH = 48


def load(view: ServiceView) -> Table:
    """What is offered, and what is to come."""
    table = fields()
    now = "unknown" if view.offered_now is None else f"{rate(view.offered_now)} requests/s"
    line = sparkline(view.offered, SPARKLINE_WIDTH)
    table.add_row("offered load", Text.assemble((line, "cyan"), "  " if line else "", now))
    table.add_row("forecast", _forecast(view.forecast))
    return table


def _forecast(forecast: ForecastView | None) -> Text:
    if forecast is None:
        return Text("none yet", "dim")
    low = "up to " if forecast.low is None else f"{rate(forecast.low)} to "
    return Text.assemble(
        f"in {forecast.horizon_seconds:.0f} s ",
        (f"{rate(forecast.median)} requests/s", "bold"),
        (f"  ({low}{rate(forecast.high)})", "dim"),
    )


def pools(view: ServiceView) -> Table:
    """The workers of both roles."""
    table = fields()
    for name, pool, look in (
        ("prefill", view.prefill, PREFILL_STYLE),
        ("decode", view.decode, DECODE_STYLE),
    ):
        table.add_row(name, Text.assemble(worker_bar(pool, look), _pool_words(pool)))
    return table


def _pool_words(pool: PoolView) -> Text:
    words = Text(f" {pool.ready} ready, {pool.desired} wanted")
    if pool.tokens_per_second is not None:
        words.append(f"  for {pool.tokens_per_second:,.0f} tokens/s", "dim")
    return words


def attainment(view: ServiceView) -> Table:
    """The share of requests within each objective, green where it is as it should be."""
    table = fields()
    for attained in view.attained:
        table.add_row(attained.objective, _attained(attained))
    return table


def _attained(attained: Attained) -> Text:
    text = Text()
    for share, when in attained.shares:
        if share is None:
            text.append("-".rjust(6), "dim")
        else:
            met = share >= attained.goal_share
            text.append(f"{share:6.1%} {'✓' if met else '✗'}", "green" if met else "bold red")
        text.append(f" {when}   ", "dim")
    return text.append(f"goal {attained.goal_share:.0%}", "dim")


def decision(view: ServiceView) -> Table:
    """The operator's last words."""
    table = fields()
    table.add_row("last decision", Text(view.decision or "none yet", "italic"))
    return table
