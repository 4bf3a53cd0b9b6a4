"""What the server says about itself: `/server_info`, `/model_info`, `/v1/models`."""

import time
from collections.abc import Mapping
from typing import Any

from pd_e2e.engine.engine import Engine

VERSION = "0.5.23"


def server_info(engine: Engine, startup: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved command line and the live state. Top-level fields keep the start-up role."""
    context = engine.context
    arguments = context.arguments
    flags = dict(arguments.everything)
    load = engine.load()
    internal = {
        **flags,
        "disaggregation_mode": engine.role.name,
        "world_size": arguments.tensor_parallel_size,
        "effective_max_running_requests_per_dp": arguments.running_requests,
        "last_gen_throughput": load.gen_throughput,
        "memory_usage": {
            "weight": load.memory.weight_gb,
            "kvcache": load.memory.kv_cache_gb,
            "token_capacity": load.memory.token_capacity,
            "token_capacity_swa": None,
            "graph": {"prefill": 0.0, "decode": 0.0},
        },
        "decode_cuda_graph_bs": [],
        "decode_cuda_graph_memory_gb": 0.0,
    }
    return {
        **flags,
        "launch_command": arguments.launch_command,
        "status": "ready",
        "max_total_num_tokens": context.kv_tokens,
        "max_req_input_len": context.input_tokens,
        "startup_time": dict(startup),
        "kv_events": None,
        "internal_states": [internal],
        "version": VERSION,
        "frontend": "python",
    }


def model_info(engine: Engine) -> dict[str, Any]:
    """The model, and the live role."""
    arguments = engine.context.arguments
    flags = arguments.everything
    return {
        "model_path": arguments.model_path,
        "served_model_name": arguments.served_model_name,
        "tokenizer_path": flags["tokenizer_path"] or arguments.model_path,
        "is_generation": True,
        "preferred_sampling_params": flags["preferred_sampling_params"],
        "weight_version": flags["weight_version"],
        "load_format": flags["load_format"],
        "reasoning_parser": flags["reasoning_parser"],
        "tool_call_parser": flags["tool_call_parser"],
        "disaggregation_mode": engine.role.name,
        "has_image_understanding": False,
        "has_audio_understanding": False,
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
    }


def models(engine: Engine) -> dict[str, Any]:
    """The one model that is served."""
    return {"object": "list", "data": [model_card(engine)]}


def model_card(engine: Engine) -> dict[str, Any]:
    """One entry of `/v1/models`."""
    arguments = engine.context.arguments
    return {
        "id": arguments.served_model_name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "sglang",
        "root": arguments.served_model_name,
        "parent": None,
        "max_model_len": arguments.context_tokens,
    }
