import csv
import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pd_operator.api.autoscaling import Mode
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.kubectl_pd import app
from pd_operator.performance import bundled_profile_names

LLAMA = ("--profile", "llama-3.1-70b-h100")
LOAD = ("--rate", "20", "--isl", "1155", "--osl", "211")
OBJECTIVES = ("--ttft", "800", "--tpot", "25")
ASKED = (*LLAMA, *LOAD, *OBJECTIVES)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["plan", *arguments], env={"COLUMNS": "100"})
    return result.exit_code, result.stdout, result.stderr


def refusal(*arguments: str) -> str:
    """The one line that a bad input is answered with."""
    code, printed, error = run(*arguments)
    assert code == 1, printed
    assert printed == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error.removeprefix("error: ").strip()


def test_the_table_says_workers_latencies_and_what_binds() -> None:
    code, printed, _ = run(*ASKED, "--router", "LeastLoad")
    assert code == 0
    assert "2 x TP4" in printed
    assert "1 x TP4" in printed
    assert "ratio 2:1, 12 GPUs on 2 nodes of 8" in printed
    for column in ("p50", "p90", "p99", "bound by", "use cap", "TTFT 800 ms"):
        assert column in printed


def test_json_has_all_figures() -> None:
    code, printed, _ = run(*ASKED, "-o", "json", "--what-if", "rate=x2")
    document = json.loads(printed)
    assert code == 0
    assert document["gpus"] == 12
    assert document["prefill"]["workers"] == 2
    assert document["prefill"]["predictedSeconds"]["p90"] <= 0.8
    assert document["whatIf"][0]["changes"] == "rate=x2"
    assert document["whatIf"][0]["gpus"] > 12


def test_yaml_is_a_service_that_the_api_takes() -> None:
    code, printed, _ = run(*ASKED, "--budget", "16", "-o", "yaml")
    assert code == 0
    service = PDInferenceService.parse(yaml.safe_load(printed))
    assert service.metadata.name == "llama-3-1-70b-h100"
    assert service.spec.prefill.tensor_parallel_size == 4
    assert service.spec.prefill.max_replicas >= 2
    assert service.spec.autoscaling.gpu_budget == 16
    assert service.spec.objectives.ttft.milliseconds == 800


@pytest.mark.parametrize("name", bundled_profile_names())
def test_every_bundled_profile_can_be_planned(name: str) -> None:
    easy = ("--ttft", "3000", "--tpot", "100", "--gpus-per-node", "16")
    code, printed, _ = run("--profile", name, *LOAD, *easy, "-o", "yaml")
    assert code == 0
    PDInferenceService.parse(yaml.safe_load(printed))


def test_a_profile_of_ones_own_becomes_a_config_map_to_create_first(tmp_path: Path) -> None:
    bundled = files("pd_operator.performance") / "profiles" / "llama-3.1-70b-h100.json"
    mine = tmp_path / "My_Llama.json"
    mine.write_text(bundled.read_text(encoding="utf-8"), encoding="utf-8")
    code, printed, _ = run("--profile", str(mine), *LOAD, *OBJECTIVES, "-o", "yaml")
    assert code == 0
    profile = PDInferenceService.parse(yaml.safe_load(printed)).spec.engine.profile
    assert profile is not None
    assert profile.config_map_ref is not None
    assert profile.config_map_ref.name == "my-llama"
    command = "kubectl create configmap my-llama --from-file=profile.json=My_Llama.json"
    assert f"# First: {command}\n" in printed
    assert "# First" not in run(*ASKED, "-o", "yaml")[1]


def test_a_plan_that_does_not_carry_the_load_ends_with_two() -> None:
    code, printed, _ = run(*ASKED, "--budget", "8")
    assert code == 2
    assert "The load needs 12 GPUs; 8 carry" in printed
    code, printed, _ = run(*LLAMA, *LOAD, "--ttft", "50", "--tpot", "25")
    assert code == 2
    assert "TTFT P90 50.0 ms: prefill of a P90 prompt alone takes" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a service, or a --profile"),
        ((*LLAMA, *LOAD), "give both objectives, --ttft and --tpot"),
        ((*LLAMA, *OBJECTIVES), "give a load: --rate, --isl and --osl, or --trace FILE"),
        (("--profile", "gpt-9-h100", *LOAD, *OBJECTIVES), "no bundled profile is called"),
        (("--profile", "missing.json", *LOAD, *OBJECTIVES), "cannot read profile 'missing.json'"),
        ((*ASKED, "--rate", "-1"), "requests per second: expected 0 to 1e+09, found -1"),
        ((*ASKED, "--rate", "nan"), "requests per second: expected 0 to 1e+09, found nan"),
        ((*ASKED, "--isl", "0"), "prompt tokens: expected 1 to 1e+07, found 0"),
        ((*ASKED, "--osl", "1e30"), "output tokens: expected 1 to 1e+07, found 1e+30"),
        ((*ASKED, "--ttft", "0"), "--ttft: an objective's time is above 0 s"),
        ((*ASKED, "--ttft", "nan"), "--ttft: an objective's time is above 0 s"),
        ((*ASKED, "--percentile", "100"), "percentile is 1 to 99, not 100"),
        ((*ASKED, "--percentile", "0"), "percentile is 1 to 99, not 0"),
        ((*ASKED, "--ttft", "inf"), "--ttft: an objective's time is above 0 s and finite"),
        ((*ASKED, "--what-if", "tpot=inf"), "what if tpot=inf? an objective's time"),
        ((*ASKED, "--ttft", "1e9", "-o", "yaml"), "objectives.ttft.milliseconds: Input should be"),
        ((*ASKED, "--budget", "1"), "a budget of 1 GPUs is less than one worker of each role"),
        ((*ASKED, "--budget", "7"), "a budget of 7 GPUs is less than the fewest workers"),
        ((*ASKED, "--tp-prefill", "3"), "has no tensor-parallel size 3; it has 4, 8"),
        ((*ASKED, "--gpus-per-node", "2"), "fits nodes of 2 GPUs"),
        ((*ASKED, "--network", "0"), "a network of more than 0 bytes/s"),
        ((*ASKED, "--utilization", "100"), "a utilization cap is above 0 and below 1"),
        ((*ASKED, "--what-if", "speed=9"), "what if 'speed'? There is rate, isl"),
        ((*ASKED, "--what-if", "rate"), "--what-if takes NAME=VALUE"),
        ((*ASKED, "--what-if", "rate=much"), "what if rate=much?"),
        ((*ASKED, "--what-if", "rate=nan"), "requests per second: expected"),
        ((*ASKED, "--what-if", "router=Best"), "what if router=Best?"),
        (
            (*ASKED, "--prometheus", "http://127.0.0.1:9"),
            "reads the load of a service that is",
        ),
        ((*LLAMA, *OBJECTIVES, "--trace", "no.csv"), "no.csv cannot be read"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: tuple[str, ...], said: str) -> None:
    assert said in refusal(*arguments)


def test_distserve_s_placement_is_a_method_too() -> None:
    small = ("--profile", "llama-3.1-8b-h100", "--tp-prefill", "1", "--tp-decode", "1")
    code, printed, _ = run(
        *small, *LOAD, "--ttft", "300", "--tpot", "12", "--method", "DistServeHighAffinity",
        "-o", "yaml",
    )  # fmt: skip
    assert code == 0
    service = PDInferenceService.parse(yaml.safe_load(printed))
    # The operator goes on with what takes milliseconds.
    assert service.spec.autoscaling.method.value == "Queueing"
    assert "DistServe, high affinity" in printed


def test_what_if_changes_one_thing_at_a_time() -> None:
    code, printed, _ = run(
        *ASKED, "--what-if", "rate=x2", "--what-if", "tp=8", "--what-if", "method=Dopd"
    )
    assert code == 0
    assert "(as asked)" in printed
    assert "rate=x2" in printed
    assert "2 x TP8" in printed


def write_trace(path: Path, header: tuple[str, str, str], arrivals: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows((arrival, 1000 + i % 50, 200) for i, arrival in enumerate(arrivals))
    return path


def test_a_trace_is_planned_for_its_busy_windows(tmp_path: Path) -> None:
    calm = [f"{i}" for i in range(600)]
    busy = [f"{600 + i / 20:.2f}" for i in range(12_000)]
    header = ("arrival_s", "input_tokens", "output_tokens")
    path = write_trace(tmp_path / "trace.csv", header, calm + busy)
    code, printed, _ = run(*LLAMA, *OBJECTIVES, "--trace", str(path), "-o", "json")
    assert code == 0
    load = json.loads(printed)["load"]
    assert load["requestsPerSecond"] == pytest.approx(20, rel=0.01)
    assert load["promptTokensMean"] == pytest.approx(1024.5, rel=0.01)
    assert load["arrivalScv"] < 0.1  # like clockwork
    _, scaled, _ = run(*LLAMA, *OBJECTIVES, "--trace", str(path), "--rate", "40", "-o", "json")
    assert json.loads(scaled)["load"]["requestsPerSecond"] == pytest.approx(40)


def test_azure_s_own_columns_and_times_are_understood(tmp_path: Path) -> None:
    header = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
    times = [f"2023-11-16 18:{i // 60:02d}:{i % 60:02d}.6805900" for i in range(300)]
    path = write_trace(tmp_path / "azure.csv", header, times)
    code, printed, _ = run(*LLAMA, *OBJECTIVES, "--trace", str(path), "-o", "json")
    assert code == 0
    assert json.loads(printed)["load"]["requestsPerSecond"] == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("empty.csv", "", "empty.csv cannot be read"),
        ("lacks.csv", "arrival_s,isl\n1,2\n2,2\n", "lacks.csv has no column of output tokens"),
        ("short.csv", "arrival_s,isl,osl\n1,2\n", "short.csv has 1 rows"),
        (
            "words.csv",
            "arrival_s,isl,osl\n1,many,2\n2,3,4\n",
            "row 1: isl is 'many', which is no",
        ),
        ("when.csv", "arrival_s,isl,osl\nnoon,1,2\n1,1,2\n", "row 1: 'noon' is no time"),
        ("one.csv", "arrival_s,isl,osl\n1,2,3\n", "needs at least two"),
        ("nan.csv", "arrival_s,isl,osl\n1,nan,3\n2,1,1\n", "row 1: isl of a request is missing"),
        ("long.csv", "arrival_s,isl,osl\n1,2,3,4\n2,2,3,4\n", "more columns than its first line"),
        ("trace.txt", "arrival_s,isl,osl\n", "is .csv, .tsv or .parquet"),
        ("fake.parquet", "no", "fake.parquet cannot be read"),
    ],
)
def test_a_trace_that_makes_no_sense_is_named(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert said in refusal(*LLAMA, *OBJECTIVES, "--trace", str(path))


def test_sizes_are_alike_unless_unlike_ones_are_asked_for() -> None:
    """SGLang has crashed when it hands KV cache over between sizes."""
    saves_gpus = ("--profile", "qwen3-32b-h100", "--rate", "50", *LOAD[2:], "--ttft", "300")

    def sizes(*more: str) -> tuple[int, int]:
        _, printed, _ = run(*saves_gpus, "--tpot", "12", *more, "-o", "yaml")
        spec = PDInferenceService.parse(yaml.safe_load(printed)).spec
        return spec.prefill.tensor_parallel_size, spec.decode.tensor_parallel_size

    assert sizes() == (4, 4)
    assert sizes("--any-tp") == (2, 8)
    assert sizes("--tp-prefill", "2", "--tp-decode", "8") == (2, 8)
    assert sizes("--tp-decode", "8") == (8, 8)


def test_a_proposed_service_advises_before_it_acts() -> None:
    _, printed, _ = run(*ASKED, "-o", "yaml", "--spec-prometheus-url", "http://thanos:10902")
    spec = PDInferenceService.parse(yaml.safe_load(printed)).spec
    assert spec.autoscaling.mode is Mode.ADVISORY
    assert spec.metrics.prometheus_url == "http://thanos:10902"


def test_the_report_is_one_small_file(tmp_path: Path) -> None:
    path = tmp_path / "cost.html"
    code, printed, said = run(*ASKED, "-o", "json", "--html", str(path))
    text = path.read_text(encoding="utf-8")
    assert code == 0
    assert json.loads(printed)["gpus"] == 12
    assert said == f"Report: {path}\n"
    for words in ("TTFT objective", "out of reach", "decode worker", "GPUs"):
        assert words in text
    assert len(text) < 40_000
    nowhere = tmp_path / "no" / "cost.html"
    assert "the report cannot be written" in run(*ASKED, "--html", str(nowhere))[2]


def test_help_teaches_with_examples() -> None:
    code, printed, _ = run("--help")
    assert code == 0
    assert "kubectl pd plan --profile llama-3.1-70b-h100" in printed
    assert "bound by" in printed


def test_the_bundled_profiles_are_listed() -> None:
    assert run("--profiles")[1].split() == list(bundled_profile_names())
