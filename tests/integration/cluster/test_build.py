"""Programs are really built, and only once however many ask at once."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.families import Program
print(ensure_programs([Program.KUBECONFORM])[Program.KUBECONFORM])
"""


def test_two_runs_at_once_build_a_program_once(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=240) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs

    (path,) = {Path(stdout.strip()) for stdout, _ in outputs}
    assert path.is_relative_to(tmp_path)
    assert subprocess.run([path, "-v"], check=False).returncode == 0
    compiled = [stderr for _, stderr in outputs if "building kubeconform v" in stderr]
    assert len(compiled) == 1
