"""What `make bench-install` counts, and what it holds that against."""

from pathlib import Path

import pytest
from scripts import former_code
from scripts.bench_install import megabytes


def test_compiled_files_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"#" * 3_000_000)
    (tmp_path / "a.pyc").write_bytes(b"#" * 5_000_000)
    assert megabytes(tmp_path.rglob("*")) == 3.0


def test_a_clone_without_the_former_code_is_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(former_code, "COMMIT", "0" * 40)
    with pytest.raises(former_code.NoHistoryError, match="00000000"):
        former_code.extract(tmp_path)
