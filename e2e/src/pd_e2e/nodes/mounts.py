"""Paths inside a container, written as paths of this machine.

A process pod has no mount namespace, so a volume is not *at* its mount path. Wherever a mount path
occurs in the command, the arguments, the environment, the working directory or an exec probe, it is
replaced by the volume's directory. A path that a program knows by itself, or reads from a file, is
not: such a program must take its paths as arguments.
"""

import re
from collections.abc import Mapping
from pathlib import Path


class PathMap:
    """Replaces mount paths by directories of this machine, the longest mount path first."""

    def __init__(self, mounts: Mapping[str, Path]) -> None:
        self._directories = {_clean(path): directory for path, directory in mounts.items()}
        longest_first = sorted(self._directories, key=len, reverse=True)
        alternatives = "|".join(re.escape(path) for path in longest_first)
        # A mount path ends at a path's part, and does not start inside another path or word.
        self._pattern = re.compile(rf"(?<![\w./-])(?:{alternatives})(?![\w.-])")

    def rewrite(self, text: str) -> str:
        """Return `text` with every mount path replaced."""
        if not self._directories:
            return text
        return self._pattern.sub(lambda found: str(self._directories[found.group()]), text)


def _clean(path: str) -> str:
    return path.rstrip("/") or "/"
