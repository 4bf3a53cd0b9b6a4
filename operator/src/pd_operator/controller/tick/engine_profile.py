"""Which engine a service is planned for: its profile, read and checked."""

import hashlib
from dataclasses import dataclass

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import CONFIG_MAP
from pd_operator.api.conditions import ConditionReason
from pd_operator.api.engine import ConfigMapKeyRef, ProfileRef
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.performance import (
    EngineSurfaces,
    PerformanceProfile,
    ProfileError,
    bundled_profile_names,
    load_bundled,
    parse_profile,
)
from pd_operator.performance.calibration import PRIOR_BOUNDS, PROFILE_BOUNDS, RatioBounds
from pd_operator.performance.prior import prior_surfaces
from pd_operator.planning.engine import EngineModel
from pd_operator.scaling.observation import Unknown

SOURCE = "profile"
BITS_PER_BYTE = 8


@dataclass(frozen=True)
class EngineBasis:
    """The engine as described, before calibration.

    `identity` changes with the description, `bounds` say how far calibration may go from it;
    `assumed` is true where nobody described the engine, so that the prior stands in.
    """

    model: EngineModel
    identity: str
    bounds: RatioBounds = PROFILE_BOUNDS
    assumed: bool = False

    def of(self, role: Role) -> EngineSurfaces:
        """Surfaces of one role's workers."""
        return self.model.prefill if role is Role.PREFILL else self.model.decode


async def engine_basis(service: PDInferenceService, cluster: Cluster) -> EngineBasis | Unknown:
    """The surfaces of both pools, or why there are none; a ConfigMap is read anew each time."""
    if service.spec.engine.profile is None:
        return _assumed(service)
    try:
        profile, identity = await _profile(service, service.spec.engine.profile, cluster)
        return _described(service, profile, identity)
    except ProfileError as error:
        return _unknown(service, error)


async def profile_of(service: PDInferenceService, cluster: Cluster) -> PerformanceProfile | Unknown:
    """The profile that a service names, or why there is none."""
    if service.spec.engine.profile is None:
        return Unknown(
            ConditionReason.UNKNOWN_PROFILE.value, SOURCE, "spec.engine.profile is not set."
        )
    try:
        profile, _ = await _profile(service, service.spec.engine.profile, cluster)
    except ProfileError as error:
        return _unknown(service, error)
    return profile


async def _profile(
    service: PDInferenceService, wanted: ProfileRef, cluster: Cluster
) -> tuple[PerformanceProfile, str]:
    """A profile, and what changes with it; `ProfileError` where there is none."""
    if wanted.config_map_ref is not None:
        text = await _read(service, wanted.config_map_ref, cluster)
        name = f"{wanted.config_map_ref.name}/{wanted.config_map_ref.key}"
        return parse_profile(text, name), text
    name = wanted.name or ""
    return load_bundled(name), name


def _unknown(service: PDInferenceService, error: ProfileError) -> Unknown:
    wanted = service.spec.engine.profile
    unknown = wanted is not None and wanted.name not in (None, *bundled_profile_names())
    reason = ConditionReason.UNKNOWN_PROFILE if unknown else ConditionReason.PROFILE_INVALID
    return Unknown(reason.value, SOURCE, f"{error}. No worker is added or removed meanwhile.")


def bundled_basis(service: PDInferenceService) -> EngineBasis:
    """The engine of a service that names a bundled profile; `ProfileError` where it does not."""
    profile = service.spec.engine.profile
    name = (profile and profile.name) or ""
    return _described(service, load_bundled(name), name)


def _described(
    service: PDInferenceService, profile: PerformanceProfile, identity: str
) -> EngineBasis:
    spec = service.spec
    sizes = (spec.prefill.tensor_parallel_size, spec.decode.tensor_parallel_size)
    prefill, decode = (profile.surfaces(size) for size in sizes)
    return EngineBasis(_model(service, prefill, decode), _short(f"{identity} {sizes}"))


def _assumed(service: PDInferenceService) -> EngineBasis:
    spec = service.spec
    sizes = (spec.prefill.tensor_parallel_size, spec.decode.tensor_parallel_size)
    prefill, decode = (prior_surfaces(size) for size in sizes)
    return EngineBasis(
        model=_model(service, prefill, decode),
        identity=_short(f"prior {sizes}"),
        bounds=PRIOR_BOUNDS,
        assumed=True,
    )


def _model(
    service: PDInferenceService, prefill: EngineSurfaces, decode: EngineSurfaces
) -> EngineModel:
    gigabits = service.spec.engine.transfer_gigabits_per_second
    return EngineModel(prefill, decode, gigabits * 1e9 / BITS_PER_BYTE)


def _short(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


async def _read(service: PDInferenceService, reference: ConfigMapKeyRef, cluster: Cluster) -> str:
    place = f"ConfigMap {reference.name!r}"
    stored = await cluster.get(CONFIG_MAP, service.metadata.namespace, reference.name)
    if stored is None:
        raise ProfileError(f"{place} does not exist in namespace {service.metadata.namespace!r}")
    text: str | None = (stored.get("data") or {}).get(reference.key)
    if text is None:
        raise ProfileError(f"{place} has no key {reference.key!r}")
    return text
