"""What a failed container said last is bounded as a kubelet bounds it."""

from pathlib import Path

import pytest

from pd_e2e.nodes.last_words import MAX_BYTES, MAX_LINES, last_words

ASKED = {"terminationMessagePolicy": "FallbackToLogsOnError"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "engine.log"


def test_a_short_log_is_told_whole(log: Path) -> None:
    log.write_text("no model\n")
    assert last_words(ASKED, 1, log) == "no model\n"


def test_of_many_lines_only_the_last_are_told(log: Path) -> None:
    log.write_text("".join(f"{number}\n" for number in range(200)))
    said = last_words(ASKED, 1, log).splitlines()
    assert (len(said), said[-1]) == (MAX_LINES, "199")


def test_of_long_lines_only_the_last_bytes_are_told(log: Path) -> None:
    log.write_text("x" * 5000)
    assert len(last_words(ASKED, 1, log)) == MAX_BYTES


def test_a_character_that_is_cut_in_two_is_no_fault(log: Path) -> None:
    log.write_text("ä" * 2000 + "x")
    assert last_words(ASKED, 1, log).endswith("ääx")


@pytest.mark.parametrize(("container", "code"), [(ASKED, 0), ({}, 1)])
def test_nothing_is_told_of_a_good_end_or_unasked(
    log: Path, container: dict[str, str], code: int
) -> None:
    log.write_text("words\n")
    assert last_words(container, code, log) == ""
