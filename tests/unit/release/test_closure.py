"""What an extra brings, as it is installed here."""

from importlib.metadata import PackageNotFoundError

import pytest
from scripts.release.closure import closure


def names(extra: str) -> set[str]:
    return {each.name.lower() for each in closure([f"pd-operator[{extra}]"])}


def test_an_extra_brings_its_own_and_what_they_need() -> None:
    assert {"kubernetes", "pydantic", "pydantic_core", "numpy", "aiohttp"} <= names("cli")
    assert not {"kopf", "statsmodels", "pandas", "pytest"} & names("cli")
    assert {"kopf", "statsmodels", "pandas", "scipy"} <= names("operator")
    assert "pd-operator" not in names("operator")


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(PackageNotFoundError, match="no-such-distribution"):
        closure(["no-such-distribution"])
