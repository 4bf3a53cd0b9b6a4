"""Release notes, cut from the changelog."""

import re


class NotesError(ValueError):
    """The changelog has nothing to say about a version."""


def release_notes(changelog: str, version: str) -> str:
    """The changelog's section of a version, as Markdown without its heading.

    A version that was not tagged yet (0.2.0-dev.3) and a candidate have what is unreleased.

    Raises `NotesError` where the section is missing or empty.
    """
    heading = "Unreleased" if "-" in version else version
    sections = re.split(r"^## \[([^\]]+)\].*$", changelog, flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    text = found.get(heading, "").strip()
    if not text:
        raise NotesError(f"CHANGELOG.md has no section [{heading}] with anything in it")
    return f"{text}\n"
