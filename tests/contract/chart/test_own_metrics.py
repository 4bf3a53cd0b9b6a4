"""What the operator exports, read by the real promtool."""

import subprocess
from collections.abc import Callable

from prometheus_client import generate_latest

from pd_e2e.cluster.families import Program
from pd_operator.controller.status.metrics import OperatorMetrics


def test_promtool_finds_nothing_to_complain_of(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    metrics = OperatorMetrics()
    for each in vars(metrics).values():
        names = getattr(each, "_labelnames", ())
        if names:
            each.labels(*("x" for _ in names))  # promtool passes over what has no sample
    text = generate_latest(metrics.registry).decode()
    assert text.count("# TYPE pd_operator_") > 20
    checked = run(Program.PROMTOOL, "check", "metrics", "--lint=all", text=text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
