"""What is assumed of an engine that nobody has described: rather too slow than too fast.

The prior is the slowest of all bundled profiles at every point, at that tensor-parallel size: a
plan made with it buys too much. Its shape stays when calibration has found the level.
"""

from functools import cache

import numpy as np

from pd_operator.performance.library import bundled_profile_names, load_bundled
from pd_operator.performance.profile import PerformanceProfile
from pd_operator.performance.surfaces import EngineSurfaces
from pd_operator.performance.table import MonotoneTable

PRIOR_NAME = "the prior"
_SIZES = (1, 2, 4, 8, 16)


def prior_profile(model: str) -> PerformanceProfile:
    """The prior for `model`, at the usual tensor-parallel sizes."""
    return PerformanceProfile(
        name=PRIOR_NAME,
        model=model,
        system="any GPU",
        engine="sglang",
        origin="the slowest of all bundled profiles at every point",
        by_tensor_parallel_size={size: prior_surfaces(size) for size in _SIZES},
    )


@cache
def prior_surfaces(tensor_parallel_size: int) -> EngineSurfaces:
    """Surfaces of one worker of any model on any GPU; of the nearest size that is bundled."""
    profiles = [load_bundled(name) for name in bundled_profile_names()]
    sizes = {size for profile in profiles for size in profile.tensor_parallel_sizes}
    nearest = min(sizes, key=lambda size: (abs(size - tensor_parallel_size), size))
    known = [
        profile.surfaces(nearest)
        for profile in profiles
        if nearest in profile.tensor_parallel_sizes
    ]
    return EngineSurfaces(
        name=f"{PRIOR_NAME} at TP{tensor_parallel_size}",
        tensor_parallel_size=tensor_parallel_size,
        gpus=tensor_parallel_size,
        kv_capacity_tokens=min(worker.kv_capacity_tokens for worker in known),
        kv_bytes_per_token=max(worker.kv_bytes_per_token for worker in known),
        prefill=_slowest([worker.prefill for worker in known]),
        prefixed_prefill=_slowest([worker.prefixed_prefill for worker in known]),
        decode_step=_slowest([worker.decode_step for worker in known]),
    )


def _slowest(tables: list[MonotoneTable]) -> MonotoneTable:
    """The largest value at each point of the first table's axes."""
    xs, ys = tables[0].xs, tables[0].ys
    x, y = np.meshgrid(np.asarray(xs), np.asarray(ys), indexing="ij")
    return MonotoneTable.lifted(xs, ys, np.max([table.at_each(x, y) for table in tables], axis=0))
