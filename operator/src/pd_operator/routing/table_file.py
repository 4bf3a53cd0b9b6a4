"""The file through which the router learns its workers."""

import json
import os
from pathlib import Path

from pd_operator.routing.worker_table import WorkerTable


class TableFile:
    """Holds the last good table on disk; written only on change, and never seen half written."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist. Its directory must, and must be writable."""
        self._path = path
        self._content = self._read()

    def write(self, table: WorkerTable) -> bool:
        """Put the table in force; `False` if it was already. Raises `OSError`."""
        content = json.dumps(table, indent=1) + "\n"
        if content == self._content:
            return False
        # In the same directory, so that the rename is atomic and smg's file watch sees it.
        draft = self._path.with_name(f".{self._path.name}.new")
        draft.write_text(content, encoding="utf-8")
        os.replace(draft, self._path)
        self._content = content
        return True

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return None
