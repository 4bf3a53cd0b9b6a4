"""Each package says what belongs in it, and what never does."""

import ast
from pathlib import Path

import pytest
from tests.unit.style.sources import ROOT, read

PRODUCT = [ROOT / "operator/src/pd_operator", ROOT / "e2e/src/pd_e2e"]
PACKAGES = [path.parent for root in PRODUCT for path in sorted(root.rglob("__init__.py"))]


def name(package: Path) -> str:
    return package.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_a_package_says_what_belongs_in_it_and_what_never_does(package: Path) -> None:
    said = ast.get_docstring(ast.parse(read(package / "__init__.py"))) or ""
    assert "\n\n" in said, "one line is no paragraph"
    assert "never" in said or "Nothing here" in said, said
