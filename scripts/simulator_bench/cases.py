"""Loads and services on which the simulators are compared."""

from collections.abc import Iterator

from scripts.simulator_bench.against_dynamo import Case
from scripts.simulator_bench.loads import poisson, trace

from pd_operator.performance import load_bundled
from pd_operator.simulation import Pools

_COUNT = 12_000


def cases() -> Iterator[Case]:
    """Drawn loads first, then pieces of real traces."""
    yield from _drawn()
    yield from _real()


def _drawn() -> Iterator[Case]:
    small = load_bundled("llama-3.1-8b-h100").surfaces(1)
    for prefill, decode, rate in ((2, 4, 25), (2, 4, 40), (3, 4, 40), (4, 8, 90), (10, 20, 200)):
        name = f"8B H100 {prefill}P{decode}D {rate}/s"
        yield Case(name, poisson(_COUNT, rate, seed=3), small, Pools(prefill, decode))
    for name, profile, size, pools, rate in (
        ("32B H100 TP2 2P2D 20/s", "qwen3-32b-h100", 2, Pools(2, 2), 20),
        ("70B H100 TP4 3P2D 20/s", "llama-3.1-70b-h100", 4, Pools(3, 2), 20),
        ("DeepSeek H200 TP8 2P3D 20/s", "deepseek-v3-h200", 8, Pools(2, 3), 20),
    ):
        worker = load_bundled(profile).surfaces(size)
        yield Case(name, poisson(_COUNT, rate, seed=4), worker, pools)


def _real() -> Iterator[Case]:
    small = load_bundled("llama-3.1-8b-h100").surfaces(1)
    roomy = load_bundled("llama-3.1-8b-h200").surfaces(1)
    large = load_bundled("llama-3.1-70b-h100").surfaces(4)
    deepseek = load_bundled("deepseek-v3-h200").surfaces(8)
    chat = "azure_2023_chat"
    yield Case("Azure 2023 chat, 8B 1P1D", trace(chat), small, Pools(1, 1))
    yield Case("Azure 2023 chat x7, 8B 2P4D", trace(chat, speed=7), small, Pools(2, 4))
    yield Case("Azure 2023 chat x3, 70B TP4 3P2D", trace(chat, speed=3), large, Pools(3, 2))
    code, later = trace("azure_2024_code", speed=8), trace("azure_2024_chat", speed=15)
    yield Case("Azure 2024 code x8, 8B 2P1D", code, small, Pools(2, 1))
    yield Case("Azure 2024 chat x15, 8B 2P3D", later, small, Pools(2, 3))
    mooncake = trace("mooncake_chat").part(0, _COUNT)
    yield Case("Mooncake chat, 8B H200 5P3D", mooncake, roomy, Pools(5, 3))
    thinking = trace("servegen_deepseek_r1")
    yield Case("ServeGen DeepSeek-R1, TP8 2P6D", thinking, deepseek, Pools(2, 6))
