"""What one worker can do: a profile by name, from a file, or that of a service."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import CONFIG_MAP
from pd_operator.actuation.kubeconfig import KubeconfigError
from pd_operator.api.engine import ProfileRef
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.performance import PerformanceProfile, load_bundled, parse_profile
from pd_operator.performance.calibration import PRIOR_BOUNDS, calibrated
from pd_operator.performance.calibration_status import from_plain
from pd_operator.performance.prior import prior_profile
from pd_operator.planning.plan import PlanningError


def read_profile(name: str) -> PerformanceProfile:
    """A bundled profile, or that in a file of JSON; `ProfileError` says what is wrong with it."""
    path = Path(name)
    if path.suffix != ".json":
        return load_bundled(name)
    try:
        return parse_profile(path.read_bytes(), path.stem)
    except OSError as error:
        raise PlanningError(f"cannot read profile {name!r}: {error.strerror}") from None


def engines_as_they_are(service: PDInferenceService, context: str | None) -> PerformanceProfile:
    """The service's profile, corrected by what the operator has learned of its engines."""
    reference, stored = service.spec.engine.profile, service.status.calibration
    learned = from_plain(stored.plain() if stored else {})
    if reference is None and learned.trusted:
        return calibrated(prior_profile(service.spec.model.path), learned, PRIOR_BOUNDS)
    if reference is None:
        raise PlanningError("the service names no profile: give one with --profile")
    return calibrated(_service_profile(reference, service.metadata.namespace, context), learned)


def _service_profile(
    reference: ProfileRef, namespace: str, context: str | None
) -> PerformanceProfile:
    if reference.name is not None:
        return load_bundled(reference.name)
    place = reference.config_map_ref
    if place is None:
        raise PlanningError("the service names no profile: give one with --profile")
    data = _config_map(place.name, namespace, context)
    if place.key not in data:
        raise PlanningError(f"ConfigMap {place.name!r} has no key {place.key!r}")
    return parse_profile(data[place.key], f"{place.name}/{place.key}")


def _config_map(name: str, namespace: str, context: str | None) -> Mapping[str, str]:
    try:
        cluster = Cluster.connect(context=context)
        found = asyncio.run(cluster.get(CONFIG_MAP, namespace, name))
    except (KubeconfigError, ClusterError) as error:
        raise PlanningError(str(error)) from None
    if found is None:
        raise PlanningError(f"there is no ConfigMap {name!r} in namespace {namespace!r}")
    return found.get("data") or {}
