"""Computes profiles with NVIDIA's aiconfigurator-core, an optional extra (600 MB, Linux x86-64).

It sums kernel times that NVIDIA measured; scheduler, sampling and HTTP are not in them. Works
offline for the models whose configuration it brings, and for a folder with a `config.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pd_operator.performance.profile import ProfileError
from pd_operator.performance.profile_format import SCHEMA

DISTRIBUTION = "aiconfigurator-core"
EXTRA = "pip install 'pd-operator[aiconfigurator]'"
BACKEND = "sglang"
NEWEST = "current"

NEW_TOKENS = (16, 64, 128, 256, 512, 1024, 1536, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
PROMPTS = (1, 2, 4, 8, 16)
PREFIXED_TOKENS = (64, 256, 1024, 2048, 4096, 8192)
CACHED_TOKENS = (0, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
SEQUENCES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024)
CONTEXTS = (64, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384, 32768, 65536, 131072)
LONGEST_PASS_TOKENS = 131_072

_PLENTY_BYTES = 1 << 50
_ROOM = {"max_num_tokens": 8192, "max_batch_size": 256, "memory_fraction_kind": "of_total"}
_DIGITS = 4


@dataclass(frozen=True)
class Order:
    """What to compute: a model by its Hugging Face name or folder, on a GPU of aiconfigurator's.

    `kv_dtype` of None leaves the choice to aiconfigurator (DeepSeek on Hopper needs `bfloat16`),
    `kv_bytes_per_token` of None the reckoning (which is wrong for models that keep a state).
    """

    model: str
    gpu: str
    tensor_parallel_sizes: tuple[int, ...]
    expert_parallel: bool = False
    kv_dtype: str | None = None
    kv_bytes_per_token: int | None = None


def compute_profile(order: Order) -> dict[str, object]:
    """A document in the format `pd-profile/1`.

    `ProfileError` where the extra is not installed, or does not know the model or the GPU.
    """
    try:
        engine = import_module("aiconfigurator_core.sdk.engine")
        memory = import_module("aiconfigurator_core.sdk.memory")
        backend = import_module("aiconfigurator_core.sdk.backends.sglang_backend")
        release = version(DISTRIBUTION)
    except (ImportError, PackageNotFoundError) as error:
        raise ProfileError(f"computing a profile needs {DISTRIBUTION}: {EXTRA}") from error
    try:
        workers = [
            _worker(order, size, engine, memory, backend) for size in order.tensor_parallel_sizes
        ]
        per_token = order.kv_bytes_per_token or _kv_bytes_per_token(order, memory)
    except Exception as error:  # its errors have no common base
        raise ProfileError(
            f"aiconfigurator cannot compute {order.model!r} on {order.gpu!r}: {error}"
        ) from error
    return {
        "schema": SCHEMA,
        "model": order.model,
        "gpu": order.gpu,
        "engine": BACKEND,
        "engine_version": f"newest known to {DISTRIBUTION} {release}",
        "origin": f"predicted by {DISTRIBUTION} {release} (Apache-2.0) from its measured kernel "
        "tables; not a measurement of the whole engine",
        "kv_bytes_per_token": per_token,
        "workers": workers,
    }


def _parallelism(order: Order, size: int) -> dict[str, Any]:
    experts = size if order.expert_parallel else 1
    return {
        "tp_size": size,
        "moe_tp_size": size // experts,
        "moe_ep_size": experts,
        "kvcache_quant_mode": order.kv_dtype,
        "fmha_quant_mode": order.kv_dtype,
    }


def _worker(order: Order, size: int, engine: Any, memory: Any, backend: Any) -> dict[str, object]:
    parallelism = _parallelism(order, size)
    model = engine.EngineHandle.compile(
        order.model, order.gpu, BACKEND, backend_version=NEWEST, **parallelism
    )

    def prefill(new: int, prompts: int) -> float | None:
        if prompts > 1 and new * prompts > LONGEST_PASS_TOKENS:
            return None
        return float(model.predict_prefill_latency(prompts, new, 0))

    def after_prefix(new: int, cached: int) -> float:
        return float(model.predict_prefill_latency(1, new + cached, cached))

    def step(sequences: int, context: int) -> float:
        return float(model.predict_decode_latency(sequences, context - 1, 2))

    room = _room(order, size, memory, backend)
    return {
        "tensor_parallel_size": size,
        "gpus": size,
        "kv_tokens": room,
        "prefill": {
            "new_tokens": NEW_TOKENS,
            "prompts": PROMPTS,
            "milliseconds": _rows(NEW_TOKENS, PROMPTS, prefill),
        },
        "prefix": {
            "new_tokens": PREFIXED_TOKENS,
            "cached_tokens": CACHED_TOKENS,
            "milliseconds": _rows(PREFIXED_TOKENS, CACHED_TOKENS, after_prefix),
        },
        "decode": {
            "sequences": SEQUENCES,
            "context_tokens": CONTEXTS,
            "milliseconds": _rows(SEQUENCES, CONTEXTS, step),
        },
    }


def _rows(xs: Sequence[int], ys: Sequence[int], milliseconds: Any) -> list[list[float | None]]:
    return [
        [None if (cell := milliseconds(x, y)) is None else round(cell, _DIGITS) for y in ys]
        for x in xs
    ]


def _room(order: Order, size: int, memory: Any, backend: Any) -> int:
    """KV tokens at SGLang's own default share of the memory."""
    asked = {**_ROOM, **_parallelism(order, size)}
    total = memory.estimate_kv_cache(
        order.model, order.gpu, BACKEND, NEWEST, memory_fraction_value=0.9, **asked
    )["total_gpu_capacity_bytes"]
    share = backend.derive_sglang_mem_fraction_static(total, tp_size=size)
    found = memory.estimate_kv_cache(
        order.model, order.gpu, BACKEND, NEWEST, memory_fraction_value=share, **asked
    )
    return int(found["total_kv_size_tokens"])


def _kv_bytes_per_token(order: Order, memory: Any) -> int:
    """Of the whole model: as if one GPU held it all."""
    found = memory.estimate_kv_cache(
        order.model,
        order.gpu,
        BACKEND,
        NEWEST,
        memory_fraction_value=0.9,
        gpu_memory_capacity_bytes_override=_PLENTY_BYTES,
        **_ROOM,
        **_parallelism(order, 1),
    )
    return int(found["kv_size_per_token_bytes"])
