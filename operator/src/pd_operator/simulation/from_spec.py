"""The simulated service of a resource's spec."""

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.performance import PerformanceProfile
from pd_operator.planning.engine import EngineModel
from pd_operator.simulation.service import Lifecycle, ServiceModel


def engine_of(spec: PDInferenceServiceSpec, profile: PerformanceProfile) -> EngineModel:
    """The engine that a spec's pools are planned for; `ProfileError` for a size it lacks."""
    prefill, decode = (
        profile.surfaces(spec.pool(role).tensor_parallel_size)
        for role in (Role.PREFILL, Role.DECODE)
    )
    return EngineModel(prefill, decode, spec.engine.transfer_gigabits_per_second * 1e9 / 8)


def service_of(spec: PDInferenceServiceSpec, profile: PerformanceProfile) -> ServiceModel:
    """The service that a spec asks for, with its own start-up times and drain deadlines.

    `ProfileError` for a size that the profile lacks.
    """
    engine = engine_of(spec, profile)
    return ServiceModel(
        prefill=engine.prefill,
        decode=engine.decode,
        transfer_bytes_per_second=engine.transfer_bytes_per_second,
        prefill_policy=spec.router.prefill_policy,
        decode_policy=spec.router.decode_policy,
        lifecycle=Lifecycle(
            prefill_startup_seconds=float(spec.prefill.expected_startup_seconds),
            decode_startup_seconds=float(spec.decode.expected_startup_seconds),
            drain_deadline_seconds=float(
                max(spec.prefill.drain_deadline_seconds, spec.decode.drain_deadline_seconds)
            ),
        ),
    )
