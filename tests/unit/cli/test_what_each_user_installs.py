"""The sidecar, the laptop and the operator install different parts, and load no more than those."""

import ast
import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from pd_operator.cli.extras import EXTRAS
from pd_operator.cli.kubectl_pd import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
OF_EXTRAS = set(EXTRAS) - {"aiohttp"}  # the Kubernetes client brings that one
FITTED = {"pandas", "scipy", "statsmodels", "kopf", "matplotlib", "pyarrow"}
PLAN = ("plan", "--profile=llama-3.1-8b-h100", "--ttft=800", "--tpot=40")
LOAD = ("--rate=2", "--isl=500", "--osl=100")

RUN = """
import sys
absent, program = set(sys.argv[1].split(",")), sys.argv[2]
sys.modules.update(dict.fromkeys(absent))  # as if they were not installed
sys.argv[1:] = sys.argv[3:]
from importlib import import_module
import_module(f"pd_operator.cli.{program}").main()
"""


def run(absent: set[str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, ",".join(sorted(absent)), program, *arguments],
        check=False,
        env=os.environ | {"KUBECONFIG": "/nowhere", "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_list_of_commands_needs_nothing_but_what_everybody_installs() -> None:
    told = run(OF_EXTRAS, "kubectl_pd", "--help")
    assert told.returncode == 0, told.stderr
    assert "explain" in told.stdout


@pytest.mark.parametrize("command", ["explain", "history", "pause"])
def test_a_question_to_the_api_server_alone_needs_no_more_either(command: str) -> None:
    told = run(OF_EXTRAS, "kubectl_pd", command, "chat")
    assert told.stderr == "error: KUBECONFIG names no file that exists: /nowhere\n"


def test_nor_does_the_sidecar() -> None:
    table = ("--service=chat", "--namespace=team", "--output=/nowhere/workers.json")
    told = run(OF_EXTRAS, "operator", "worker-table", *table)
    assert "KUBECONFIG names no file that exists" in told.stderr


def test_a_plan_needs_no_library_that_fits_forecasts() -> None:
    told = run(FITTED, "kubectl_pd", *PLAN, *LOAD)
    assert told.returncode == 0, told.stderr
    assert "prefill" in told.stdout


@pytest.mark.parametrize(
    ("program", "arguments", "absent", "extra"),
    [
        ("kubectl_pd", [*PLAN, *LOAD], {"numpy"}, "cli"),
        ("kubectl_pd", [*PLAN, "--trace=requests.csv"], {"pandas"}, "backtest"),
        ("kubectl_pd", ["backtest", "--file=load.csv"], {"pandas"}, "backtest"),
        ("operator", ["run"], {"numpy"}, "operator"),
        ("operator", ["run"], {"kopf"}, "operator"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else str(value),
)
def test_a_part_that_is_not_installed_is_named_with_the_command_that_installs_it(
    program: str, arguments: list[str], absent: set[str], extra: str
) -> None:
    told = run(absent, program, *arguments)
    (module,) = absent
    assert told.returncode == 1
    assert told.stderr == f"error: this needs {module}: pip install 'pd-operator[{extra}]'\n"


def test_each_extra_brings_the_modules_that_it_is_named_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = {
        extra: " ".join(project["optional-dependencies"][extra]) for extra in set(EXTRAS.values())
    }
    for module, extra in EXTRAS.items():
        # scipy comes with statsmodels, whose own requirement it is.
        distribution = {"scipy": "statsmodels"}.get(module, module.replace("_", "-"))
        assert distribution in brought[extra], f"{module} of {extra}"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_the_list_says_of_each_command_what_its_own_help_says_first(command: object) -> None:
    source, said = command.source, command.help  # type: ignore[attr-defined]
    module, _, attribute = source.partition(":")
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == attribute:
            first = (ast.get_docstring(node) or "").partition("\n\n")[0]
            assert said == " ".join(first.split())
            return
    assert said in Path(spec.origin).read_text()
