"""Which engine a service is planned for, where no ConfigMap is read."""

from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration

from pd_operator.actuation.cluster import Cluster
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.tick.engine_profile import EngineBasis, engine_basis
from pd_operator.performance import load_bundled
from pd_operator.performance.calibration import PRIOR_BOUNDS
from pd_operator.scaling.observation import Unknown


@pytest.fixture
def nobody() -> Cluster:
    """An API server that does not answer: nothing must be asked of it."""
    return Cluster(ApiClient(Configuration(host="http://127.0.0.1:1")))


def service(engine: dict[str, Any], prefill: int = 4, decode: int = 4) -> PDInferenceService:
    return PDInferenceService.parse(
        {
            "apiVersion": "serving.pd-operator.io/v1alpha1",
            "kind": "PDInferenceService",
            "metadata": {"name": "chat", "namespace": "serving"},
            "spec": {
                "model": {"path": "org/model"},
                "engine": engine,
                "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
                "prefill": {"maxReplicas": 8, "tensorParallelSize": prefill},
                "decode": {"maxReplicas": 8, "tensorParallelSize": decode},
                "metrics": {"prometheusUrl": "http://prometheus:9090"},
            },
        }
    )


async def known(engine: dict[str, Any], cluster: Cluster, **sizes: int) -> EngineBasis:
    basis = await engine_basis(service(engine, **sizes), cluster)
    assert isinstance(basis, EngineBasis)
    return basis


BUNDLED = {"profile": {"name": "llama-3.1-70b-h100"}, "transferGigabitsPerSecond": 400}


async def test_a_bundled_profile_gives_each_role_its_own_size(nobody: Cluster) -> None:
    basis = await known(BUNDLED, nobody, prefill=4, decode=8)
    profile = load_bundled("llama-3.1-70b-h100")
    assert basis.of(Role.PREFILL) == profile.surfaces(4)
    assert basis.of(Role.DECODE) == profile.surfaces(8)
    assert not basis.assumed


async def test_the_network_of_a_worker_is_told_in_bytes(nobody: Cluster) -> None:
    assert (await known(BUNDLED, nobody)).model.transfer_bytes_per_second == 50e9


async def test_another_size_is_another_engine_to_learn_of(nobody: Cluster) -> None:
    four, again, eight = [await known(BUNDLED, nobody, decode=size) for size in (4, 4, 8)]
    assert four.identity == again.identity != eight.identity


async def test_without_a_profile_the_prior_stands_in_and_may_be_far_off(nobody: Cluster) -> None:
    basis = await known({}, nobody)
    assert basis.assumed
    assert basis.bounds == PRIOR_BOUNDS


async def test_a_profile_that_nobody_has_is_named(nobody: Cluster) -> None:
    fault = await engine_basis(service({"profile": {"name": "gpt-9-b300"}}), nobody)
    assert isinstance(fault, Unknown)
    assert fault.reason == "UnknownProfile"
    assert "gpt-9-b300" in fault.message
    assert fault.message.endswith("No worker is added or removed meanwhile.")


async def test_a_size_that_the_profile_does_not_have_is_the_profile_s_fault(
    nobody: Cluster,
) -> None:
    fault = await engine_basis(service(BUNDLED, decode=3), nobody)
    assert isinstance(fault, Unknown)
    assert fault.reason == "ProfileInvalid"
