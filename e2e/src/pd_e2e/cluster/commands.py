"""Runs kubectl and helm against one cluster, without touching the user's own settings."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.families import Program


class CommandError(RuntimeError):
    """A command ended with a status other than 0; the message is what it said."""

    def __init__(self, command: Sequence[str], status: int, stderr: str) -> None:
        super().__init__(f"{' '.join(command)} ended with status {status}: {stderr.strip()}")
        self.status = status
        self.stderr = stderr


@dataclass(frozen=True)
class ClusterCommands:
    """kubectl and helm with their caches and settings under `home`."""

    programs: Programs
    kubeconfig: Path
    home: Path

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        """Return kubectl's standard output; raise CommandError where it fails."""
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.home / 'kubectl'}"]
        return self._run(Program.KUBECTL, [*options, *arguments], input_text)

    def helm(self, *arguments: str) -> str:
        """Return helm's standard output; raise CommandError where it fails."""
        return self._run(Program.HELM, [f"--kubeconfig={self.kubeconfig}", *arguments], None)

    def environment(self) -> dict[str, str]:
        """Variables under which any kubectl or helm of the user talks to this cluster."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "HELM_CACHE_HOME": str(self.home / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(self.home / "helm" / "config"),
            "HELM_DATA_HOME": str(self.home / "helm" / "data"),
        }

    def _run(self, program: Program, arguments: Sequence[str], input_text: str | None) -> str:
        command = [str(self.programs[program]), *arguments]
        finished = subprocess.run(
            command,
            input=input_text,
            stdin=subprocess.DEVNULL if input_text is None else None,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self.environment()},
        )
        if finished.returncode != 0:
            raise CommandError([program, *arguments], finished.returncode, finished.stderr)
        return finished.stdout
