"""The file is written on change, whole, and outlives the process that wrote it."""

import json
import os
from pathlib import Path

import pytest

from pd_operator.routing.table_file import TableFile
from pd_operator.routing.worker_table import WorkerEntry, WorkerTable

EMPTY = WorkerTable(version=1, workers=[])
ONE = WorkerTable(
    version=1, workers=[WorkerEntry(id="a", url="http://127.0.0.1:1", worker_type="decode")]
)


def test_a_table_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "workers.json"
    file = TableFile(path)
    assert file.write(ONE)
    assert json.loads(path.read_text()) == ONE
    written = path.stat().st_ino
    assert not file.write(ONE)
    assert path.stat().st_ino == written
    assert file.write(EMPTY)
    assert json.loads(path.read_text()) == EMPTY


def test_a_table_that_is_in_force_already_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "workers.json"
    TableFile(path).write(ONE)
    assert not TableFile(path).write(ONE)


@pytest.mark.parametrize("left_behind", [b"", b"\xff\xfe", b'{"version": 1, "wor'])
def test_whatever_lay_there_is_replaced(tmp_path: Path, left_behind: bytes) -> None:
    path = tmp_path / "workers.json"
    path.write_bytes(left_behind)
    assert TableFile(path).write(ONE)
    assert json.loads(path.read_text()) == ONE


def test_nothing_but_the_table_is_left_in_the_directory(tmp_path: Path) -> None:
    file = TableFile(tmp_path / "workers.json")
    for table in (ONE, EMPTY, ONE):
        file.write(table)
    assert os.listdir(tmp_path) == ["workers.json"]


def test_a_write_that_fails_leaves_the_old_table_and_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "workers.json"
    file = TableFile(path)
    file.write(ONE)
    obstacle = tmp_path / ".workers.json.new"
    obstacle.mkdir()
    with pytest.raises(OSError, match=r"workers\.json\.new"):
        file.write(EMPTY)
    assert json.loads(path.read_text()) == ONE
    obstacle.rmdir()
    assert file.write(EMPTY)
