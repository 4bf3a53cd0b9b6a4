"""`kubectl pd tune`: what is proposed, and that it is checked on a load it was not chosen on."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer import Typer
from typer.testing import CliRunner, Result

from pd_operator.cli.tuning import run as tuning_run
from pd_operator.cli.tuning.candidates import AS_IT_IS, Candidate
from pd_operator.cli.tuning.command import tune
from pd_operator.cli.tuning.trial import Trial, cheapest, front
from pd_operator.cli.tuning.words import Tuning, verdict
from pd_operator.planning.objectives import Objective, Objectives

OBJECTIVES = Objectives(Objective(90, 0.5), Objective(90, 0.015))
CHEAP, DEAR = (Candidate({"autoscaling.forecast.quantilePercent": percent}) for percent in (50, 95))
app = Typer()
app.command()(tune)


def trial(share: float, gpu_hours: float) -> Trial:
    return Trial(share, share, share, gpu_hours)


def tuning(*later: tuple[Candidate, Trial]) -> Tuning:
    trials = [(AS_IT_IS, trial(0.99, 10.0)), (CHEAP, trial(0.95, 8.0))]
    return Tuning(OBJECTIVES, trials, CHEAP, later)


def test_the_cheapest_that_keeps_both_objectives_is_chosen() -> None:
    trials = [
        (AS_IT_IS, trial(0.99, 10.0)),
        (CHEAP, Trial(0.99, 0.89, 0.88, 5.0)),
        (DEAR, trial(0.90, 9.0)),
    ]
    assert cheapest(trials, OBJECTIVES) == trials[2]
    assert cheapest(trials[1:2], OBJECTIVES) is None


def test_nothing_on_the_front_is_bettered_in_both() -> None:
    trials = [
        (AS_IT_IS, trial(0.95, 10.0)),
        (CHEAP, trial(0.95, 8.0)),
        (DEAR, trial(0.99, 12.0)),
    ]
    assert front(trials) == trials[1:]


def test_what_holds_on_the_later_part_too_is_proposed() -> None:
    found = tuning((AS_IT_IS, trial(0.98, 5.0)), (CHEAP, trial(0.93, 4.0)))
    assert found.proposal is CHEAP
    assert "20% fewer GPU hours" in verdict(found)
    assert CHEAP.patch() == {"spec": {"autoscaling": {"forecast": {"quantilePercent": 50}}}}


@pytest.mark.parametrize("later", [trial(0.89, 4.0), trial(0.99, 5.5)])
def test_what_fails_or_costs_more_on_the_later_part_is_not_proposed(later: Trial) -> None:
    found = tuning((AS_IT_IS, trial(0.98, 5.0)), (CHEAP, later))
    assert found.proposal is None
    assert verdict(found).startswith("Leave the settings as they are")


def test_more_cost_is_proposed_where_the_service_misses_its_objectives() -> None:
    found = tuning((AS_IT_IS, trial(0.80, 5.0)), (CHEAP, trial(0.95, 5.5)))
    assert found.proposal is CHEAP


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "pdservice.yaml"
    service = {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": "chat"},
        "spec": {
            "model": {"path": "meta-llama/Llama-3.1-8B-Instruct"},
            "engine": {"profile": {"name": "llama-3.1-8b-h100"}},
            "objectives": {
                "ttft": {"percentile": 90, "milliseconds": 500},
                "tpot": {"percentile": 90, "milliseconds": 15},
            },
            "prefill": {"maxReplicas": 8, "expectedStartupSeconds": 60},
            "decode": {"maxReplicas": 8, "expectedStartupSeconds": 60},
            "autoscaling": {"forecast": {"model": "LastValue"}},
            "metrics": {"prometheusUrl": "http://prometheus:9090"},
        },
    }
    path.write_text(yaml.safe_dump(service), encoding="utf-8")
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Fifteen minutes of a steady load."""
    rng = np.random.default_rng(1)
    path = tmp_path / "requests.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["arrival_s", "input_tokens", "output_tokens"])
        for arrival in np.sort(rng.uniform(0, 900, 3000)).tolist():
            writer.writerow([arrival, int(rng.integers(100, 4000)), int(rng.integers(1, 150))])
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two settings beside today's: the whole grid takes minutes."""
    monkeypatch.setattr(tuning_run, "candidates", lambda: (AS_IT_IS, CHEAP, DEAR))


def run(*arguments: object) -> Result:
    wide = {"COLUMNS": "160"}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=wide)


@pytest.mark.usefixtures("few")
def test_what_was_tried_is_not_tried_again(manifest: Path, trace: Path, tmp_path: Path) -> None:
    kept = tmp_path / "tried.jsonl"
    asked = ("-f", manifest, "--trace", trace, "--jobs", 2, "--resume", kept, "-o", "json")
    first = run(*asked)
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert [row["name"] for row in told["earlier"]] == [
        "as it is",
        "P50",
        "P95",
    ]
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert json.loads(run(*asked).stdout) == told
    assert kept.read_text(encoding="utf-8").splitlines() == lines


@pytest.mark.usefixtures("few")
def test_the_later_part_knows_the_earlier_one_as_history(manifest: Path, trace: Path) -> None:
    from pd_operator.cli.simulating.request import Flags  # noqa: PLC0415 - beside its only use
    from pd_operator.cli.simulating.service import read_manifest  # noqa: PLC0415

    earlier, later = tuning_run.parts(read_manifest(manifest), Flags(trace))
    assert earlier.earlier.history(60.0) is None
    history = later.earlier.history(60.0)
    assert history is not None
    assert len(history) * 60 == pytest.approx(600, abs=60)
    assert len(earlier.requests) + len(later.requests) == pytest.approx(3000, abs=120)


def test_a_service_is_named_or_a_file_given(trace: Path) -> None:
    result = run("--trace", trace)
    assert result.exit_code == 1
    assert "say which service" in result.stderr
