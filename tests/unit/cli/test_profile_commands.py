"""`kubectl pd profile import | show | compute`, as a user types them."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pd_operator.cli.profiling.command import app
from pd_operator.performance import parse_profile


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def one_batch(batch: int, prompt: int) -> str:
    first = batch * (0.01 + 6e-5 * prompt)
    step = 0.008 + 5e-5 * batch + 2e-8 * batch * prompt
    return json.dumps(
        {
            "batch_size": batch,
            "input_len": prompt,
            "output_len": 101,
            "last_ttft": first,
            "latency": first + 100 * step,
        }
    )


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join(one_batch(b, n) for b in (1, 8, 64) for n in (512, 4096)))
    return path


def test_benchmark_results_become_a_profile(results: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine.json"
    done = run(
        *("import", str(results), "--model", "org/model", "--kv-bytes-per-token", "131072"),
        *("--kv-tokens", "380000", "--tensor-parallel-size", "2", "--save", str(output)),
    )
    assert done.exit_code == 0, done.output
    assert "kubectl create configmap mine" in done.output
    worker = parse_profile(output.read_text(), "mine").surfaces(2)
    assert worker.prefill_seconds(512) == pytest.approx(0.01 + 6e-5 * 512, rel=1e-3)
    assert worker.decode_step_seconds(8, 562.5) == pytest.approx(0.008 + 4e-4, rel=0.02)


def test_results_without_a_kv_capacity_need_one_told(results: Path, tmp_path: Path) -> None:
    done = run(
        *("import", str(results), "--model", "m", "--kv-bytes-per-token", "1000"),
        *("--save", str(tmp_path / "mine.json")),
    )
    assert done.exit_code == 1
    assert done.output.strip() == (
        "error: the results do not tell the KV capacity; give --kv-tokens"
    )


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = run("import", str(tmp_path / "no"), "--model", "m", "--kv-bytes-per-token", "1000")
    assert done.exit_code == 1
    assert len(done.output.strip().splitlines()) == 1
    assert "error: cannot read" in done.output


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("gpt-2-h100", "error: no bundled profile is called 'gpt-2-h100'; there are"),
        ("nowhere.json", "error: cannot read nowhere.json"),
    ],
)
def test_a_profile_that_is_none_is_one_line(profile: str, said: str) -> None:
    done = run("show", profile)
    assert done.exit_code == 1
    assert done.output.startswith(said)


def test_a_bundled_profile_is_shown() -> None:
    done = run("show", "llama-3.1-70b-h100")
    assert done.exit_code == 0
    assert "68.7 ms" in done.output
    assert "362,142" in done.output


def test_a_broken_profile_is_refused_with_the_place(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema": "pd-profile/1", "kv_bytes_per_token": 1, "workers": [3]}')
    done = run("show", str(broken))
    assert done.exit_code == 1
    assert "workers[0]: expected an object, found 3" in done.output


@pytest.mark.skipif(find_spec("aiconfigurator_core") is not None, reason="the extra is installed")
def test_computing_without_the_extra_says_how_to_get_it() -> None:
    done = run("compute", "org/model", "h100_sxm", "--tp", "1")
    assert done.exit_code == 1
    assert "pip install 'pd-operator[aiconfigurator]'" in done.output


def test_measuring_needs_a_service_or_two_engines() -> None:
    done = run("measure", "--prefill-url", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "give the name of a service, or both --prefill-url and --decode-url" in done.output
