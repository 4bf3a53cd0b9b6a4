"""Shows something once, or again and again until Ctrl-C."""

import time
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from io import StringIO

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

PERIOD_SECONDS = 2.0
"""A status is written when something changes, and drains are looked at as often."""


def show(
    look: Callable[[], RenderableType],
    console: Console,
    *,
    watch: bool,
    period_seconds: float = PERIOD_SECONDS,
) -> None:
    """Print what `look` finds. Watching, a look that fails is told and tried again."""
    shown = look()
    if not watch:
        console.print(shown)
        return
    with suppress(KeyboardInterrupt), Live(console=console, screen=console.is_terminal) as live:
        while True:
            if console.is_terminal:
                live.update(shown, refresh=True)
            else:
                console.print(shown)
            time.sleep(period_seconds)
            shown = _again(look, shown)


def _again(look: Callable[[], RenderableType], before: RenderableType) -> RenderableType:
    told = StringIO()
    try:
        with redirect_stderr(told):
            return look()
    except typer.Exit:
        return Group(before, Text(f"{told.getvalue().strip()}; above is what was seen before"))
