"""Where an engine's timings come from."""

from pathlib import Path

from pd_operator.performance import PerformanceProfile, load_bundled, parse_profile


def load_profile(name_or_path: str) -> PerformanceProfile:
    """A bundled profile by its name, or one from a JSON file by its path."""
    path = Path(name_or_path)
    if path.suffix == ".json":
        return parse_profile(path.read_text(encoding="utf-8"), path.stem)
    return load_bundled(name_or_path)
