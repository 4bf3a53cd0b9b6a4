"""A profile: the surfaces of one model on one kind of GPU, for each tensor-parallel size."""

from collections.abc import Mapping
from dataclasses import dataclass

from pd_operator.performance.surfaces import EngineSurfaces


class ProfileError(ValueError):
    """A profile is missing, malformed, or lacks what is asked of it. The message names what."""


@dataclass(frozen=True)
class PerformanceProfile:
    """Surfaces of `model` on GPUs of `system`, as `engine` runs it.

    `origin` says where the figures come from: a prior and a measurement deserve different trust.
    """

    name: str
    model: str
    system: str
    engine: str
    origin: str
    by_tensor_parallel_size: Mapping[int, EngineSurfaces]

    @property
    def tensor_parallel_sizes(self) -> tuple[int, ...]:
        """Tensor-parallel sizes that the profile covers, ascending."""
        return tuple(sorted(self.by_tensor_parallel_size))

    def surfaces(self, tensor_parallel_size: int) -> EngineSurfaces:
        """Surfaces of one worker of that size; `ProfileError` names the sizes there are."""
        try:
            return self.by_tensor_parallel_size[tensor_parallel_size]
        except KeyError:
            sizes = ", ".join(str(size) for size in self.tensor_parallel_sizes)
            raise ProfileError(
                f"profile {self.name!r} has no tensor-parallel size {tensor_parallel_size}; "
                f"it has {sizes}"
            ) from None
