"""Links of the site that lead out of docs/, made links into the repository (a hook of MkDocs)."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")


class BrokenLinkError(ValueError):
    """A link to a file that the repository does not have."""


def outward(markdown: str, source: Path, repository: str) -> str:
    """The page with every link that leaves docs/ made one into `repository`.

    `source` is the page's own path. Raises `BrokenLinkError` where there is no such file.
    """

    def led(match: re.Match[str]) -> str:
        path, anchor = match[1], match[2] or ""
        target = (source.parent / path).resolve()
        if target.is_relative_to(ROOT / "docs"):
            return match[0]
        if not target.exists() or not target.is_relative_to(ROOT):
            raise BrokenLinkError(f"{source}: {path} leads nowhere")
        kind = "tree" if target.is_dir() else "blob"
        return f"]({repository}/{kind}/main/{target.relative_to(ROOT).as_posix()}{anchor})"

    return _LINK.sub(led, markdown)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by MkDocs with every page."""
    del files
    return outward(markdown, Path(page.file.abs_src_path), config["repo_url"])
