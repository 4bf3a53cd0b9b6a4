"""`kubectl pd profile` against real engine processes that keep a known profile."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pd_e2e.engine.processes import Fleet, Process
from pd_operator.cli.profiling.command import app
from pd_operator.performance import load_bundled, parse_profile

from .conftest import Busy

REAL = load_bundled("llama-3.1-8b-h100").surfaces(1)
RUN = ("measure", "--longest-prompt", "1024", "--max-sequences", "8", "--gpu", "h100_sxm")


def measure(pair: tuple[Process, Process], output: Path, *more: str) -> Result:
    prefill, decode = pair
    urls = ("--prefill-url", prefill.url, "--decode-url", decode.url)
    return CliRunner().invoke(app, [*RUN, *urls, "--save", str(output), *more])


@pytest.fixture
def pair(fleet: Fleet) -> tuple[Process, Process]:
    return fleet.pair(env={"PD_ENGINE_TIME_SCALE": "1.0"})


def test_a_live_pair_is_measured_into_a_profile_that_says_what_it_is(
    pair: tuple[Process, Process], tmp_path: Path
) -> None:
    output = tmp_path / "mine.json"
    result = measure(pair, output)
    assert result.exit_code == 0, result.output
    profile = parse_profile(output.read_text(), "mine")
    assert (profile.model, profile.engine) == ("org/model", "sglang 0.5.23")
    worker = profile.surfaces(1)
    for tokens in (128, 512, 1024):
        assert worker.prefill_seconds(tokens) == pytest.approx(
            REAL.prefill_seconds(tokens), rel=0.02
        )
    for batch, context in ((1, 700), (4, 700), (8, 4100)):
        assert worker.decode_step_seconds(batch, context) == pytest.approx(
            REAL.decode_step_seconds(batch, context), rel=0.05
        )
    assert worker.kv_capacity_tokens == REAL.kv_capacity_tokens


def test_a_model_of_a_short_context_is_measured_within_it(fleet: Fleet, tmp_path: Path) -> None:
    pair = fleet.pair("--context-length", "1000", env={"PD_ENGINE_TIME_SCALE": "1.0"})
    output = tmp_path / "short.json"
    result = measure(pair, output, "--longest-prompt", "8192")
    assert result.exit_code == 0, result.output
    asked = [json.loads(line)["asked"] for line in (tmp_path / "short.points").open()]
    assert {tokens for role, tokens, _ in asked if role == "prefill"} == {128, 256, 512}
    assert len({tokens for role, tokens, _ in asked if role == "decode"}) == 2


def test_a_measurement_that_ran_out_of_time_goes_on_where_it_ended(
    pair: tuple[Process, Process], tmp_path: Path
) -> None:
    output, points = tmp_path / "mine.json", tmp_path / "mine.points"
    first = measure(pair, output, "--seconds", "1")
    assert "run again to go on" in first.output
    begun = points.read_text().splitlines()
    assert begun
    assert measure(pair, output).exit_code == 0
    lines = points.read_text().splitlines()
    assert lines[: len(begun)] == begun
    assert len({json.dumps(json.loads(line)["asked"]) for line in lines}) == len(lines)
    third = measure(pair, output)
    assert third.exit_code == 0
    assert points.read_text().splitlines() == lines


def test_traffic_of_its_own_does_not_spoil_what_is_measured(
    pair: tuple[Process, Process], tmp_path: Path, busy: Busy
) -> None:
    """Steps under traffic are steps of larger batches, and are told as such."""
    output = tmp_path / "mine.json"
    with busy(*pair):
        measure(pair, output, "--seconds", "8")
    for line in (tmp_path / "mine.points").read_text().splitlines():
        match json.loads(line)["measured"]:
            case [float(batch), float(context), float(seconds)]:
                assert seconds == pytest.approx(REAL.decode_step_seconds(batch, context), rel=0.05)
            case [float(tokens), float(seconds)]:
                assert seconds == pytest.approx(REAL.prefill_seconds(tokens), rel=0.05)


def test_an_engine_in_another_role_is_refused(
    pair: tuple[Process, Process], tmp_path: Path
) -> None:
    prefill, decode = pair
    result = measure((decode, prefill), tmp_path / "mine.json")
    assert result.exit_code == 1
    assert "runs as decode, not as prefill" in result.output


def test_an_engine_that_does_not_answer_is_named(tmp_path: Path) -> None:
    away = ("--prefill-url", "http://127.0.0.1:9", "--decode-url", "http://127.0.0.1:9")
    result = CliRunner().invoke(app, ["measure", *away, "--save", str(tmp_path / "mine.json")])
    assert result.exit_code == 1
    assert "error: http://127.0.0.1:9/v1/loads does not answer" in result.output
