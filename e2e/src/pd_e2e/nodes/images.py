"""Container images as what they are here: programs on this machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """What an image brings: directories for PATH, the entry point, and environment variables."""

    path: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None


class ImageCatalog:
    """The images that the nodes can "pull", by repository name; tags and digests are ignored."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self._images = dict(images)

    @classmethod
    def from_file(cls, path: Path) -> "ImageCatalog":
        """Read `{"NAME": {"path": [...], "entrypoint": [...], "env": {...}}}`, all optional.

        Raises:
            ValueError: the file is not such JSON.

        """
        content = json.loads(path.read_text())
        images = {}
        for name, fields in content.items():
            unknown = set(fields) - {"path", "entrypoint", "env"}
            if unknown:
                raise ValueError(f"{path}: image {name!r} has unknown fields {sorted(unknown)}")
            images[name] = Image(
                path=tuple(fields.get("path", ())),
                entrypoint=tuple(fields.get("entrypoint", ())),
                env=fields.get("env"),
            )
        return cls(images)

    def find(self, reference: str) -> Image | None:
        """Return the image of a reference like `name:tag` or `name@digest`, or None."""
        return self._images.get(repository_of(reference))


def repository_of(reference: str) -> str:
    """Return an image reference without tag and digest; a registry's port is not a tag."""
    name = reference.partition("@")[0]
    head, separator, last = name.rpartition("/")
    return head + separator + last.partition(":")[0]
