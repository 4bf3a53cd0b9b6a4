"""The command from a file to its table and report."""

import json
import math
import re
from html import escape
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pd_operator.cli.kubectl_pd import app

HOUR = 3600


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight hours of requests and tokens in minutes, in waves, with a gap."""
    random = np.random.default_rng(8)
    bins = np.arange(480)
    requests = random.poisson(600 * (1.5 + np.sin(bins / 60)))
    prompts, answers = requests * random.normal(1000, 60, 480), requests * random.normal(90, 6, 480)
    rows = [
        f"{1_790_000_000 + 60 * i},{requests[i]},{prompts[i]:.0f},{answers[i]:.0f}"
        for i in bins
        if not 300 <= i < 310
    ]
    path = tmp_path_factory.mktemp("backtest") / "load.csv"
    path.write_text("t_s,requests,prompt_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    return path


def kubectl_pd(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *(str(argument) for argument in arguments)])


def test_a_file_gives_a_table_for_each_series_and_for_the_ratio(file: Path) -> None:
    result = kubectl_pd("--file", file, "--season", 0, "--forecasts", 40, "--percentile", 80)
    assert result.exit_code == 0, result.output
    for name in ("requests", "prompt_tokens", "output_tokens"):
        assert f"{name}: Hedge beats the last value by" in result.output
    assert "ratio of prefill and decode work" in result.output
    (ridge,) = re.findall(r"^ridge on all +(.+)$", result.output, re.M)
    assert len(re.findall(r"\d+\.\d %  0\.\d\d", ridge)) == 3
    assert "P80" in result.output
    assert re.findall(r"^ ?(\d+ min)\b", result.output, re.M) == 4 * [
        "5 min",
        "10 min",
        "15 min",
        "30 min",
    ]


def test_the_report_is_one_file_that_needs_no_other(file: Path, tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    result = kubectl_pd(
        "--file", file, "--season", 0, "--forecasts", 40, "--ahead", 300, "--html", html
    )
    assert result.exit_code == 0, result.output
    text = html.read_text()
    assert text.count("<svg") == 6
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    for heading in (
        "What was forecast",
        "percentiles mean",
        "Who spoke when",
        "worth?",
        "The ratio",
    ):
        assert heading in text
    assert "NaN" not in text
    assert text.count("P5 to P70") == text.count(">P90<") == 6


def test_a_model_without_experts_is_replayed_as_well(file: Path, tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    result = kubectl_pd(
        "--file", file, "--column", "requests", "--model", "Ewma", "--forecasts", 40, "--html", html
    )
    assert result.exit_code == 0, result.output
    assert "requests: Ewma" in result.output
    assert "expert " not in result.output
    assert "ratio" not in result.output
    assert "Who spoke when" not in html.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to replay"),
        (("chat", "--file", "load.csv"), "say what to replay"),
        (("--file", "gone.csv"), "gone.csv cannot be read"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(
    arguments: tuple[str, ...], words: str
) -> None:
    result = kubectl_pd(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_file_too_short_to_judge_is_said(file: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("\n".join(file.read_text().splitlines()[:20]))
    result = kubectl_pd("--file", short)
    assert result.exit_code == 1
    assert "at least 20 are needed" in result.stderr


def test_a_folder_that_is_not_there_takes_no_report(file: Path, tmp_path: Path) -> None:
    result = kubectl_pd(
        "--file", file, "--column", "requests", "--forecasts", 20, "--html", tmp_path / "no" / "x"
    )
    assert result.exit_code == 1
    assert "the report cannot be written" in result.stderr


def test_a_rhythm_that_ends_within_a_bin_is_refused_rather_than_left_out(file: Path) -> None:
    result = kubectl_pd("--file", file, "--column", "requests", "--season", 3601)
    assert result.exit_code == 1
    assert "--season 3601: not a whole number of the load's bins" in result.stderr


def test_a_kind_of_row_that_does_not_exist_is_refused(file: Path) -> None:
    result = kubectl_pd("--file", file, "--rows", "columns")
    assert result.exit_code == 2
    assert "Invalid value for '--rows'" in result.stderr


def test_a_rhythm_that_was_found_is_told(tmp_path: Path) -> None:
    path = tmp_path / "waves.csv"
    rows = (f"{60 * i},{25 + 20 * math.sin(math.pi * i / 10) + i % 3 / 10:.3f}" for i in range(200))
    path.write_text("t_s,requests\n" + "\n".join(rows) + "\n")
    asked = ("--file", path, "--column", "requests", "--ahead", 300, "--forecasts", 40)
    assert "it found a rhythm of" in " ".join(kubectl_pd(*asked).output.split())
    assert "rhythm" not in kubectl_pd(*asked, "--season", 0).output
    (told,) = json.loads(kubectl_pd(*asked, "-o", "json").output)["series"]
    assert told["foundSeasonSeconds"] == pytest.approx(1200, abs=30)


def test_a_daily_spike_is_told_with_its_schedule_on_the_terminal_on_the_page_and_as_json(
    tmp_path: Path,
) -> None:
    minutes = np.arange(4 * 1440)
    loads = np.random.default_rng(2).poisson(100, len(minutes))
    loads[minutes % 1440 // 5 == 9 * 12 + 6] = 400
    file, html = tmp_path / "load.csv", tmp_path / "report.html"
    midnight = 1_790_035_200
    rows = "".join(f"{midnight + 60 * i},{load}\n" for i, load in enumerate(loads))
    file.write_text(f"time,requests\n{rows}")
    asked = ("--file", file, "--model", "LastValue", "--forecasts", 30, "--ahead", 300)
    told = kubectl_pd(*asked, "--html", html).output
    (proposal,) = json.loads(kubectl_pd(*asked, "-o", "json").output)["proposedSchedules"]
    assert "Daily at 09:30 UTC" in proposal
    assert proposal in told
    assert escape(proposal) in html.read_text()
