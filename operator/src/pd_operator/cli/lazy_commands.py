"""Commands whose modules are imported when they are called, and not before.

`explain` answers at once because it waits for no forecaster, and `--help` for no command at all.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command


class LazyCommand(TyperCommand):
    """Stands in a list of commands for the function or `Typer` that `source` names.

    `source` is `module:attribute`; `summary` is the first sentence of its help.
    """

    def __init__(self, name: str, source: str, summary: str) -> None:
        super().__init__(name, help=summary, add_help_option=False)
        self.source = source

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """The context of the command itself, which is imported by that."""
        return get_command(self._app()).make_context(*arguments, **settings)

    def _app(self) -> typer.Typer:
        module, _, attribute = self.source.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return found
        app = typer.Typer(add_completion=False)
        app.command(self.name)(found)
        return app
