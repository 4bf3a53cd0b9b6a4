"""`kubectl pd simulate` as a user has it, without a cluster."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer import Typer
from typer.testing import CliRunner, Result

from pd_operator.cli.simulating.command import simulate

app = Typer()
app.command()(simulate)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "pdservice.yaml"
    spec = {
        "model": {"path": "meta-llama/Llama-3.1-8B-Instruct"},
        "engine": {"profile": {"name": "llama-3.1-8b-h100"}},
        "objectives": {
            "ttft": {"percentile": 90, "milliseconds": 500},
            "tpot": {"percentile": 90, "milliseconds": 15},
        },
        "prefill": {"maxReplicas": 8, "expectedStartupSeconds": 60},
        "decode": {"maxReplicas": 8, "expectedStartupSeconds": 60},
        "autoscaling": {"mode": "Advisory", "forecast": {"model": "LastValue"}},
        "metrics": {"prometheusUrl": "http://prometheus:9090"},
    }
    service = {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": "chat"},
        "spec": spec,
    }
    # As in a file that also holds what the service needs.
    path.write_text(yaml.safe_dump_all([{"kind": "Secret"}, service]), encoding="utf-8")
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Twenty minutes; the second ten are four times as busy."""
    rng = np.random.default_rng(1)
    arrivals = np.sort(np.concatenate([rng.uniform(0, 1200, 6000), rng.uniform(600, 1200, 9000)]))
    path = tmp_path / "requests.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["arrival_s", "input_tokens", "output_tokens"])
        for arrival in arrivals.tolist():
            writer.writerow([arrival, int(rng.integers(100, 6000)), int(rng.integers(1, 200))])
    return path


def run(*arguments: object) -> Result:
    wide = {"COLUMNS": "160"}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=wide)


def test_the_table_sets_the_operator_beside_pools_that_stay(manifest: Path, trace: Path) -> None:
    result = run("--file", manifest, "--trace", trace, "--fixed", "1,1", "--fixed", "8,8")
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line]
    assert [line[:15].strip() for line in lines[1:4]] == [
        "operator",
        "fixed, 1P 1D",
        "fixed, 8P 8D",
    ]
    assert "TTFT P90 500 ms and TPOT P90 15.0 ms" in lines[4]
    assert "fewer GPU hours than fixed, 8P 8D" in lines[4]


def test_the_same_service_of_other_settings_is_set_beside(manifest: Path, trace: Path) -> None:
    narrow = "prefill.maxReplicas=1,decode.maxReplicas=1"
    asked = ("-f", manifest, "--trace", trace, "-o", "json", "--fixed", "1,1")
    operator, narrowed, fixed = json.loads(run(*asked, "--what-if", narrow).stdout)
    assert narrowed["name"] == f"what if {narrow}"
    assert narrowed["gpuHours"] == pytest.approx(fixed["gpuHours"], rel=0.02)
    assert narrowed["attained"]["joint"] < operator["attained"]["joint"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("prefill.maxReplicas", "--what-if takes FIELD=VALUE"),
        ("prefill.most=4", "what if prefill.most: prefill.most: Extra inputs are not permitted"),
        ("prefill.maxReplicas=0", "prefill.maxReplicas: Input should be greater than or equal"),
        ("prefill.maxReplicas.x=1", "prefill.maxReplicas.x: maxReplicas holds no fields"),
    ],
)
def test_a_what_if_that_makes_no_sense_is_said_in_one_line(
    manifest: Path, trace: Path, asked: str, words: str
) -> None:
    result = run("-f", manifest, "--trace", trace, "--what-if", asked)
    assert result.exit_code == 1
    assert words in result.stderr


def test_json_has_the_figures(manifest: Path, trace: Path) -> None:
    result = run("-f", manifest, "--trace", trace, "-o", "json")
    operator, fixed = json.loads(result.stdout)
    assert operator["name"] == "operator"
    assert fixed["name"].startswith("fixed in hindsight")
    # Nobody foresees a load that quadruples at once: a second worker's room must bear it.
    assert min(operator["attained"]["joint"], fixed["attained"]["joint"]) > 0.95
    assert operator["gpuHours"] > 0
    assert operator["ttftSeconds"]["p50"] <= operator["ttftSeconds"]["p99"]


def test_known_history_is_not_simulated(manifest: Path, trace: Path) -> None:
    whole, later = (
        json.loads(
            run(
                *("-f", manifest, "--trace", trace, "-o", "json", "--fixed", "2,2"),
                *("--history", hours),
            ).stdout
        )[1]["gpuHours"]
        for hours in (0, 0.25)
    )
    assert later == pytest.approx(whole - 4 * 0.25, abs=0.05)


def test_history_is_known_in_the_bins_of_each_setting(manifest: Path, trace: Path) -> None:
    coarser = "autoscaling.forecast.resolutionSeconds=70"
    asked = ("-f", manifest, "--trace", trace, "-o", "json", "--fixed", "2,2", "--history", 0.25)
    operator, coarse, fixed = json.loads(run(*asked, "--what-if", coarser).stdout)
    assert coarse["name"] == f"what if {coarser}"
    assert coarse["gpuHours"] == pytest.approx(operator["gpuHours"], rel=0.5)
    assert fixed["gpuHours"] > 0


def test_sizes_left_to_the_operator_are_those_that_it_would_choose(
    manifest: Path, trace: Path
) -> None:
    def gpu_hours() -> float:
        played = run("-f", manifest, "--trace", trace, "-o", "json", "--fixed", "2,2")
        return float(json.loads(played.stdout)[1]["gpuHours"])

    by_hand = gpu_hours()
    documents = list(yaml.safe_load_all(manifest.read_text(encoding="utf-8")))
    documents[1]["spec"] |= {"parallelism": "Auto"}
    # A decode step of TP2 takes longer.
    documents[1]["spec"]["objectives"]["tpot"]["milliseconds"] = 5
    manifest.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    assert gpu_hours() == pytest.approx(4 * by_hand, rel=0.01)


def test_the_report_is_one_file_with_the_plots_in_it(
    manifest: Path, trace: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    result = run("--file", manifest, "--trace", trace, "--html", page)
    assert result.exit_code == 0, result.output
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "Simulation of chat" in text
    assert "$" not in text
    assert "src=" not in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--trace", "TRACE"), "the name of a PDInferenceService, or --file"),
        (("--file", "FILE"), "give the requests with --trace"),
        (("--file", "FILE", "--trace", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--file", "nowhere.yaml", "--trace", "TRACE"), "cannot read 'nowhere.yaml'"),
        (("--file", "TRACE", "--trace", "TRACE"), "holds 0 PDInferenceServices"),
        (("--file", "FILE", "--trace", "TRACE", "--fixed", "2"), "such as 2,4, not '2'"),
        (("--file", "FILE", "--trace", "TRACE", "--fixed", "0,1"), "such as 2,4, not '0,1'"),
        (("--file", "FILE", "--trace", "TRACE", "--speed", "0"), "--speed is above 0"),
        (("--file", "FILE", "--trace", "TRACE", "--history", "5"), "less than the trace's 0.33"),
        (("--file", "FILE", "--trace", "TRACE", "--profile", "gpt"), "no bundled profile"),
    ],
)
def test_what_makes_no_sense_ends_with_a_sentence(
    manifest: Path, trace: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    places = {"FILE": manifest, "TRACE": trace}
    result = run(*(places.get(one, one) for one in arguments))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_spec_that_does_not_fit_is_named_by_its_field(manifest: Path, trace: Path) -> None:
    text = manifest.read_text(encoding="utf-8").replace("maxReplicas: 8", "maxReplicas: 0")
    manifest.write_text(text, encoding="utf-8")
    result = run("--file", manifest, "--trace", trace)
    assert result.exit_code == 1
    assert "spec.prefill.maxReplicas" in result.stderr
