"""What a pool's pod template may not say: GPUs that are not counted, arguments of the engine.

The CRD leaves templates open, so the apiserver cannot check this: a service that breaks it is
stored, and told by its condition.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pd_operator.api.pods import ENGINE_CONTAINER
from pd_operator.api.roles import Role

if TYPE_CHECKING:
    from pd_operator.api.spec import PDInferenceServiceSpec
OTHER_GPUS = ("nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu", "gpu.intel.com/")
"""How the names of vendors' GPUs begin. A pod with two kinds of them finds no node."""


def template_fault(spec: "PDInferenceServiceSpec") -> str | None:
    """What is wrong with the templates of a spec whose sizes are known; None where nothing is."""
    for role in Role:
        for container in _containers(spec.pool(role).template):
            name = container.get("name")
            if name == ENGINE_CONTAINER and container.get("args"):
                return (
                    f"{role.value}.template: args of container {name} would take the place of the "
                    f"operator's own; give them in engine.args or {role.value}.args"
                )
            if fault := _gpus_fault(spec, role, container):
                return f"{role.value}.template: {fault}"
    return None


def _gpus_fault(
    spec: "PDInferenceServiceSpec", role: Role, container: Mapping[str, Any]
) -> str | None:
    ours, name = spec.engine.gpu_resource, container.get("name")
    if not ours:
        # The template brings all of them.
        return None
    size = spec.pool(role).tensor_parallel_size
    for resource, count in _resources(container):
        if resource == ours and (name != ENGINE_CONTAINER or str(count) != str(size)):
            return (
                f"container {name} asks for {count} {resource}, and a worker is counted with "
                f"{size}: set {role.value}.tensorParallelSize, and leave {resource} out here"
            )
        other = resource != ours and resource.startswith(OTHER_GPUS)
        if other and not _removes(container, ours):
            return (
                f"container {name} asks for {resource} beside {ours}, which the operator adds: set "
                f"engine.gpuResource to {resource}"
            )
    return None


def _containers(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    pod = template.get("spec")
    for kind in ("initContainers", "containers"):
        listed = pod.get(kind) if isinstance(pod, Mapping) else None
        # What is no container is refused by the API server, with the field's path.
        yield from (
            one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, Mapping)
        )


def _resources(container: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and quantity of all that is asked for."""
    for kind in ("limits", "requests"):
        for resource, count in _asked(container, kind).items():
            if isinstance(count, str | int):
                yield resource, count


def _removes(container: Mapping[str, Any], resource: str) -> bool:
    """Whether the template takes the operator's own resource away: see `merge_template`."""
    limits = _asked(container, "limits")
    patched = "$patch" in limits or "$patch" in (container.get("resources") or ())
    return patched or (resource in limits and not isinstance(limits[resource], str | int))


def _asked(container: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    resources = container.get("resources")
    asked = resources.get(kind) if isinstance(resources, Mapping) else None
    return asked if isinstance(asked, Mapping) else {}
