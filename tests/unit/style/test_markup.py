"""One markup in docstrings, and one way to document a constant."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tests.unit.style.sources import Source, python

DIRECTIVE = re.compile(r"#\s*(noqa|type:|fmt:|ruff:|mypy:|pragma)")


def test_code_in_docstrings_stands_between_single_backticks() -> None:
    found = [
        f"{source.name}:{string.lineno}"
        for source in python()
        for string in source.strings
        if "``" in str(string.value).replace("```", "")
    ]
    assert not found, "\n".join(found)


def test_a_constant_is_documented_by_a_string_after_it_and_not_by_a_comment_before() -> None:
    found = [f"{s.name}:{line}" for s in python() for line in comments_on_constants(s)]
    assert not found, "\n".join(found)


def test_a_string_stands_behind_what_it_documents() -> None:
    found = [f"{s.name}:{line}" for s in python() for line in stray_strings(s)]
    assert not found, "\n".join(found)


def comments_on_constants(source: Source) -> Iterator[int]:
    """Lines of constants of a module that a comment leads up to."""
    lines = source.text.splitlines()
    for node in source.tree.body:
        if is_constant(node) and node.lineno > 1:
            above = lines[node.lineno - 2]
            if above.startswith("#") and not DIRECTIVE.match(above):
                yield node.lineno


def is_constant(node: ast.stmt) -> bool:
    """Whether a statement gives a value to a name in capitals."""
    match node:
        case ast.Assign(targets=targets):
            parts = [part for one in targets for part in ast.walk(one)]
            names = [part.id for part in parts if isinstance(part, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            names = [name]
        case _:
            return False
    return bool(names) and all(name.isupper() for name in names)


def stray_strings(source: Source) -> Iterator[int]:
    """Lines of strings that stand behind nothing: neither docstrings nor after a value."""
    for body in bodies(source.tree):
        for before, node in pairwise(body):
            documents = isinstance(before, ast.Assign | ast.AnnAssign)
            if is_string(node) and not documents:
                yield node.lineno


def bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """The statements of a module and of its classes."""
    yield tree.body
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.body


def is_string(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a string."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case _:
            return False
