"""Which engine a service is planned for: its profile, read and checked."""

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import CONFIG_MAP
from pd_operator.api.conditions import Reason
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.performance import (
    PerformanceProfile,
    ProfileError,
    bundled_profile_names,
    load_bundled,
    parse_profile,
)
from pd_operator.planning.engine import EngineModel
from pd_operator.scaling.observation import Unknown

SOURCE = "profile"
BITS_PER_BYTE = 8


async def engine_model(service: PDInferenceService, cluster: Cluster) -> EngineModel | Unknown:
    """The surfaces of both pools, or why there are none; a ConfigMap is read anew each time."""
    try:
        return _engine(service, await _load(service, cluster))
    except ProfileError as error:
        unknown = service.spec.engine.profile.name not in (None, *bundled_profile_names())
        reason = Reason.UNKNOWN_PROFILE if unknown else Reason.PROFILE_INVALID
        return Unknown(reason.value, SOURCE, f"{error}. No worker is added or removed meanwhile.")


def bundled_engine(service: PDInferenceService) -> EngineModel:
    """The same for a service that names a bundled profile; ``ProfileError`` where it does not."""
    return _engine(service, load_bundled(service.spec.engine.profile.name or ""))


def _engine(service: PDInferenceService, profile: PerformanceProfile) -> EngineModel:
    spec = service.spec
    gigabits = spec.engine.transfer_gigabits_per_second
    return EngineModel(
        prefill=profile.surfaces(spec.prefill.tensor_parallel_size),
        decode=profile.surfaces(spec.decode.tensor_parallel_size),
        transfer_bytes_per_second=gigabits * 1e9 / BITS_PER_BYTE,
    )


async def _load(service: PDInferenceService, cluster: Cluster) -> PerformanceProfile:
    wanted = service.spec.engine.profile
    if wanted.name is not None:
        return load_bundled(wanted.name)
    reference = wanted.config_map_ref
    if reference is None:
        raise ProfileError("spec.engine.profile names neither a profile nor a ConfigMap")
    place = f"ConfigMap {reference.name!r}"
    stored = await cluster.get(CONFIG_MAP, service.metadata.namespace, reference.name)
    if stored is None:
        raise ProfileError(f"{place} does not exist in namespace {service.metadata.namespace!r}")
    text = (stored.get("data") or {}).get(reference.key)
    if text is None:
        raise ProfileError(f"{place} has no key {reference.key!r}")
    return parse_profile(text, f"{reference.name}/{reference.key}")
