"""An option that several commands have means one thing in all of them."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
import typer
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from pd_operator.cli.kubectl_pd import COMMANDS
from pd_operator.cli.lazy_commands import LazyCommand

TOLD = {
    "--output": "text",
    "--html": "HTML",
    "--prometheus": "URL of the service's Prometheus, from which the load is read",
    "--namespace": "Default: the context's.",
    "--context": "Context of the kubeconfig.",
}
"""What people type without looking it up, and what its help says in every command."""


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """All commands by what is typed, those of groups as well."""
    for lazy in COMMANDS:
        found = typer.main.get_command(lazy._app())
        yield from _within(str(lazy.name), found)


def _within(typed: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _within(f"{typed} {name}", each)
    elif isinstance(command, TyperCommand) and not isinstance(command, LazyCommand):
        yield typed, command


def options() -> Iterator[tuple[str, TyperOption]]:
    for typed, command in commands():
        yield from ((typed, each) for each in command.params if isinstance(each, TyperOption))


def test_there_are_commands_to_look_at() -> None:
    assert {"plan", "backtest", "explain", "profile measure"} <= {typed for typed, _ in commands()}


def test_a_letter_stands_for_one_option_in_all_commands() -> None:
    meant = defaultdict(set)
    for _, option in options():
        for letter in (each for each in option.opts if len(each) == 2):
            meant[letter].add(max(option.opts, key=len))
    assert {letter: names for letter, names in meant.items() if len(names) > 1} == {}


@pytest.mark.parametrize(("name", "told"), TOLD.items())
def test_an_option_is_written_and_told_alike_everywhere(name: str, told: str) -> None:
    found = {typed: option for typed, option in options() if name in option.opts}
    assert len(found) > 2, "several commands have it"
    assert len({tuple(sorted(option.opts)) for option in found.values()}) == 1
    strange = {typed for typed, option in found.items() if told not in (option.help or "")}
    assert strange == set()


def test_no_option_but_html_writes_a_page_and_none_but_prometheus_is_its_address() -> None:
    for typed, option in options():
        told = option.help or ""
        assert ("HTML" in told) <= ("--html" in option.opts), f"{typed} {option.opts}"
        asked = TOLD["--prometheus"] in told
        assert asked <= ("--prometheus" in option.opts), f"{typed} {option.opts}"
