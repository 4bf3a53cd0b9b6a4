"""What one worker can do: step times and KV capacity from a profile.

Profiles and their formats, the surfaces that are read off them, and what running engines teach
about them belong here. How much is asked of a worker is never known here, and neither how many
there are: those are `demand` and `planning`.
"""

from pd_operator.performance.library import bundled_profile_names, load_bundled
from pd_operator.performance.profile import PerformanceProfile, ProfileError
from pd_operator.performance.profile_format import parse_profile
from pd_operator.performance.surfaces import EngineSurfaces, Estimate

__all__ = [
    "EngineSurfaces",
    "Estimate",
    "PerformanceProfile",
    "ProfileError",
    "bundled_profile_names",
    "load_bundled",
    "parse_profile",
]
