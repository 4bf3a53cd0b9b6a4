"""The profiles that come with the operator."""

from functools import cache
from importlib.resources import files

from pd_operator.performance.profile import PerformanceProfile, ProfileError
from pd_operator.performance.profile_format import parse_profile

_PROFILES = files("pd_operator.performance") / "profiles"
_SUFFIX = ".json"


@cache
def bundled_profile_names() -> tuple[str, ...]:
    """Names of all bundled profiles (`model-gpu`, such as `llama-3.1-70b-h100`), sorted."""
    entries = (entry.name for entry in _PROFILES.iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in entries if name.endswith(_SUFFIX)))


@cache
def load_bundled(name: str) -> PerformanceProfile:
    """The bundled profile called `name`; `ProfileError` lists the names there are."""
    if name not in bundled_profile_names():
        known = ", ".join(bundled_profile_names())
        raise ProfileError(f"no bundled profile is called {name!r}; there are {known}")
    return parse_profile((_PROFILES / f"{name}{_SUFFIX}").read_text(encoding="utf-8"), name)
