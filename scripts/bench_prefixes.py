"""How much of their prompts prefill workers find in caches of their own, by the router's policy.

Under a minute. Mooncake's conversations, which tell what prompts begin with, on Llama 3.1 8B, with
the KV room of an H200 and with room as if main memory were part of it.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

from scripts.bench_format import Figure, write
from scripts.bench_inputs import prompt_blocks
from scripts.simulator_bench.loads import trace

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import load_bundled
from pd_operator.simulation import Pools, Prefixes, Requests, ServiceModel, simulate

PROFILE, SIZE, POOLS = "llama-3.1-8b-h200", 1, Pools(4, 8)
TRACE, BLOCK_TOKENS = "mooncake_chat", 512
LARGE_CACHE_TOKENS = 3_800_000
_SEED = 1
_POLICIES = (
    PrefillPolicy.CACHE_AWARE,
    PrefillPolicy.POWER_OF_TWO,
    PrefillPolicy.LEAST_LOAD,
    PrefillPolicy.ROUND_ROBIN,
    PrefillPolicy.PREFIX_HASH,
)


def conversations() -> Requests:
    """The whole trace."""
    asked = trace(TRACE)
    return Requests.of(
        asked.arrival_seconds,
        asked.prompt_tokens,
        asked.output_tokens,
        prefixes=Prefixes(BLOCK_TOKENS, prompt_blocks(TRACE)),
    )


def figures() -> Iterator[Figure]:
    """Share of prompt tokens found, and TTFT, of each policy with each cache."""
    asked = conversations()
    engine = load_bundled(PROFILE).surfaces(SIZE)
    large = replace(engine, kv_capacity_tokens=LARGE_CACHE_TOKENS)
    for cache, prefill in (("gpu", engine), ("large", large)):
        for policy in _POLICIES:
            service = ServiceModel(prefill, engine, prefill_policy=policy)
            result = simulate(asked, service, POOLS, seed=_SEED)
            found = 1 - result.prefill.tokens / asked.prompt_tokens.sum()
            of = f"{cache}/{policy.value}"
            yield Figure(f"found_percent/{of}", 100 * float(found), "%", better="higher")
            yield Figure(f"ttft_p90/{of}", result.ttft_quantile(0.9), "s")


def main() -> int:
    """Measure all, and write `build/bench/prefixes.json`; returns the exit status."""
    argparse.ArgumentParser(prog="bench_prefixes", description=__doc__).parse_args()
    return write("prefixes", list(figures()))


if __name__ == "__main__":
    sys.exit(main())
