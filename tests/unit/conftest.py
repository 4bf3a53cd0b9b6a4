"""An engine with simple numbers, for the simulator and for the engine simulator."""

import json

import pytest

from pd_operator.performance import EngineSurfaces, parse_profile


@pytest.fixture
def surfaces() -> EngineSurfaces:
    """Prefill: 1 ms per 10 tokens. Decode: 10 ms, plus 1 ms per sequence, plus 1 µs per token.

    Attention to cached tokens makes a prefill chunk 10 % longer per 1000 of them.
    """
    isl, prompts = [1, 10_000], [1, 100]
    batches, contexts = [1, 64], [1, 100_000]
    new, prefix = [1, 10_000], [0, 100_000]
    profile = {
        "schema": "pd-seed-profile/1",
        "model": "simple",
        "system": "h100_sxm",
        "backend": "sglang",
        "backend_version": "0",
        "origin": "made up",
        "kv_bytes_per_token_total": 1000,
        "axes": {
            "isl": isl,
            "prefill_batch": prompts,
            "decode_batch": batches,
            "ctx": contexts,
            "new": new,
            "prefix": prefix,
        },
        "tp": {
            "1": {
                "gpus": 1,
                "kv_tokens": 100_000,
                "prefill_ms": [[0.1 * tokens * n for n in prompts] for tokens in isl],
                "decode_ms": [[10 + n + 1e-3 * tokens for tokens in contexts] for n in batches],
                "prefix_prefill_ms": [[0.1 * n * (1 + p / 10_000) for p in prefix] for n in new],
            }
        },
    }
    return parse_profile(json.dumps(profile), "simple").surfaces(1)
