"""Release notes are the changelog's section of the version."""

import pytest
from scripts.release.notes import NotesError, release_notes

CHANGELOG = """# Changelog

## [Unreleased]

- to come

## [0.2.0] - 2026-12-01

### Added

- a thing

## [0.1.0] - 2026-11-01
"""


def test_a_release_has_its_own_section() -> None:
    assert release_notes(CHANGELOG, "0.2.0") == "### Added\n\n- a thing\n"


@pytest.mark.parametrize("version", ["0.2.1-dev.4", "0.3.0-rc.1"])
def test_before_a_release_the_notes_are_what_is_unreleased(version: str) -> None:
    assert release_notes(CHANGELOG, version) == "- to come\n"


@pytest.mark.parametrize("version", ["0.1.0", "0.9.0"])
def test_a_release_of_which_nothing_is_said_is_none(version: str) -> None:
    with pytest.raises(NotesError, match=rf"\[{version}\]"):
        release_notes(CHANGELOG, version)
