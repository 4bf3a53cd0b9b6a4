"""docs/getting-started.md: its commands are commands, and its service is the example's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pd_e2e.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line.removesuffix("&"))
    for block in re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith(("helm ", "kubectl "))
]
PLUGIN = [command[2:] for command in COMMANDS if command[:2] == ["kubectl", "pd"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_flag_is_one_of_the_program_s(
    control_plane: ControlPlane, command: list[str]
) -> None:
    program, *arguments = command
    if program == "helm":
        control_plane.helm(*arguments, "--help")
    elif command[1] != "pd":
        control_plane.kubectl(*arguments, "--help")


@pytest.mark.parametrize("command", PLUGIN, ids=" ".join)
def test_every_flag_of_the_plug_in_is_there(
    control_plane: ControlPlane, command: list[str]
) -> None:
    program = Path(sys.executable).with_name("kubectl-pd")
    told = subprocess.run(
        [program, *(word for word in command if word not in {"-w"})],
        env={"KUBECONFIG": str(control_plane.commands.kubeconfig), "NO_COLOR": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "No such option" not in told.stderr
    assert told.returncode != 2, told.stderr


def test_its_files_are_there_and_the_request_names_the_model_that_is_served() -> None:
    named = set(re.findall(r"(?<![/\w])(?:examples|charts)/[\w./-]+", TEXT))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    example = ROOT / "examples" / "pdservice-minimal.yaml"
    service = yaml.safe_load(example.read_text(encoding="utf-8"))
    assert f'"model": "{service["spec"]["model"]["servedName"]}"' in TEXT
    assert service["spec"]["autoscaling"]["mode"] == "Advisory"
