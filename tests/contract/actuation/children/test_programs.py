"""The command lines, put to the programs that will read them."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.engine.flags import parse_server_arguments, server_parser
from pd_operator.actuation.children.engine_arguments import engine_arguments
from pd_operator.actuation.children.router_arguments import router_arguments, smg_policy
from pd_operator.api.roles import Role
from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.api.v1alpha1 import PDInferenceService

EXAMPLE = Path(__file__).parents[4] / "examples" / "pdservice.yaml"
CPU_EXAMPLE = EXAMPLE.with_name("pdservice-cpu.yaml")


def parse_router_args(arguments: list[str]) -> Any:
    """What smg makes of its arguments; imported by name, for it ships no types."""
    return import_module("smg.launch_router").parse_router_args(arguments)


@pytest.fixture
def service() -> PDInferenceService:
    return PDInferenceService.parse(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("role", Role)
def test_sglang_knows_every_flag_of_the_engine(service: PDInferenceService, role: Role) -> None:
    parsed = parse_server_arguments(engine_arguments(service, role))

    assert parsed.role is role
    assert parsed.served_model_name == "llama-3.1-70b"
    assert parsed.tensor_parallel_size == 4
    assert parsed.metrics
    assert parsed.ttft_buckets is not None
    assert parsed.itl_buckets is not None
    assert service.spec.objectives.ttft.seconds in parsed.ttft_buckets
    assert service.spec.objectives.tpot.seconds in parsed.itl_buckets


@pytest.mark.parametrize(
    ("given", "keeps_a_cache"), [((), True), (("--disable-radix-cache",), False)]
)
@pytest.mark.parametrize("role", Role)
def test_engines_that_may_switch_are_told_so_and_keep_the_same_cache(
    role: Role, given: tuple[str, ...], keeps_a_cache: bool
) -> None:
    resource = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    resource["spec"]["engine"]["args"] = list(given)
    resource["spec"]["autoscaling"]["roleFlips"] = "Enabled"
    arguments = engine_arguments(PDInferenceService.parse(resource), role)
    parsed = parse_server_arguments(arguments)

    assert parsed.role_switch
    assert parsed.radix_cache is keeps_a_cache
    assert parsed.decode_radix_cache is keeps_a_cache


@pytest.mark.parametrize(
    ("backend", "size", "flips"),
    [
        *((backend, size, "Disabled") for backend in ("mooncake", "nixl") for size in (1, 2, 4, 8)),
        *(("mooncake", size, "Enabled") for size in (1, 8)),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_sglang_takes_all_that_the_operator_passes(
    role: Role, backend: str, size: int, flips: str
) -> None:
    resource = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    spec = resource["spec"]
    spec["engine"]["args"] = [f"--disaggregation-transfer-backend={backend}"]
    spec["autoscaling"]["roleFlips"] = flips
    # Edges on both sides of all of the engine's own.
    spec["objectives"] = {
        "ttft": {"percentile": 90, "milliseconds": 17},
        "tpot": {"percentile": 90, "milliseconds": 9_000},
    }
    for pool in Role:
        spec[pool.value]["tensorParallelSize"] = size
    spec["autoscaling"]["gpuBudget"] = 512
    arguments = engine_arguments(PDInferenceService.parse(resource), role)

    real = server_parser().parse_args(arguments)

    assert (real.tp_size, real.disaggregation_transfer_backend) == (size, backend)
    assert real.enable_pd_role_switch is (flips == "Enabled")
    assert real.bucket_time_to_first_token[0] == 0.017
    assert real.bucket_inter_token_latency[-1] == 9.0


@pytest.mark.parametrize("role", Role)
def test_sglang_takes_what_the_example_for_cpus_passes(role: Role) -> None:
    (service,) = (
        PDInferenceService.parse(resource)
        for resource in yaml.safe_load_all(CPU_EXAMPLE.read_text(encoding="utf-8"))
        if resource["kind"] == "PDInferenceService"
    )
    real = server_parser().parse_args(engine_arguments(service, role))

    assert (real.device, real.sleep_on_idle, real.max_total_tokens) == ("cpu", True, 32_768)
    assert real.enable_pd_role_switch


def test_smg_knows_every_flag_of_the_router(service: PDInferenceService) -> None:
    parsed = parse_router_args(router_arguments(service))

    assert parsed.pd_disaggregation
    assert parsed.prefill_policy == "power_of_two"
    assert parsed.discovery_file == "/var/run/pd-operator/workers.json"
    assert parsed.health_check_endpoint == "/ready"


@pytest.mark.parametrize(
    ("flag", "policy"),
    [("--prefill-policy", policy) for policy in PrefillPolicy]
    + [("--decode-policy", policy) for policy in DecodePolicy],
)
def test_smg_knows_every_policy_that_the_api_offers(flag: str, policy: str) -> None:
    name = smg_policy(policy)
    parsed = parse_router_args(["--pd-disaggregation", flag, name])
    assert name in (parsed.prefill_policy, parsed.decode_policy)
