"""The files that rules of style are about."""

import ast
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = ("operator", "forecasting", "e2e", "scripts", "tests", "examples")
PROSE = (".py", ".md", ".yaml", ".toml", ".sh", ".html")
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Source:
    """A file of Python, read once."""

    path: Path

    @property
    def name(self) -> str:
        """Its path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """What it says."""
        return read(self.path)

    @property
    def tree(self) -> ast.Module:
        """What it means."""
        return parsed(self.path)

    @property
    def names(self) -> list[tuple[int, str]]:
        """All names in it with their lines, and all strings that might be names."""
        return named(self.path)

    @property
    def strings(self) -> Iterator[ast.Constant]:
        """Docstrings, and strings that document what stands before them."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Expr(value=ast.Constant(value=str()) as string):
                    yield string


@cache
def read(path: Path) -> str:
    """A file's text."""
    return path.read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(read(path))


@cache
def named(path: Path) -> list[tuple[int, str]]:
    """Names and strings of one word, with their lines."""
    tokens = tokenize.generate_tokens(StringIO(read(path)).readline)
    wanted = {tokenize.NAME, tokenize.STRING}
    found = [(one.start[0], one.string.strip("\"'")) for one in tokens if one.type in wanted]
    return [(line, name) for line, name in found if name.isidentifier()]


def python(*folders: str) -> list[Source]:
    """All Python under these folders, but what holds the rules themselves."""
    files = (path for folder in folders or CODE for path in (ROOT / folder).rglob("*.py"))
    return [Source(path) for path in sorted(files) if _ruled(path)]


def _ruled(path: Path) -> bool:
    """Whether the rules hold for a file: they do for all but the one package that holds them."""
    return _HERE not in path.parents


def prose() -> list[Path]:
    """All files that people read: code, documents, manifests."""
    folders = (*CODE, "docs", "charts", "images", "crds")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    found = [path for path in files if path.suffix in PROSE and _ruled(path)]
    return sorted([*found, *ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "Makefile"])
