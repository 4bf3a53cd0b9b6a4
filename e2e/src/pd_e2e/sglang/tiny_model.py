"""A Llama of a million weights, as SGLang reads one: a configuration and a tokenizer.

No weights: with `--load-format dummy` they are random, and what it answers means nothing. Each of
the load generator's words is one token, and each token but the three special ones is visible text,
so that a client that waits for the first text sees the first token.
"""

import json
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

SPECIAL = ("<s>", "</s>", "<pad>")
CONTEXT_TOKENS = 2048
_CHAT = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"


def write_tiny_model(folder: Path) -> None:
    """Write the model's files; what is there already is written anew."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_document()
    documents = {
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": SPECIAL[0],
            "eos_token": SPECIAL[1],
            "pad_token": SPECIAL[2],
            "model_max_length": CONTEXT_TOKENS,
            "clean_up_tokenization_spaces": False,
            "chat_template": _CHAT,
        },
        "config.json": _configuration(len(tokenizer["model"]["vocab"])),
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")


def tokenizer_document() -> dict[str, Any]:
    """Byte pairs that make a token of a space and two letters, as `tokenizers` stores them."""
    characters = [*map(chr, range(32, 127)), "\n", "\t"]
    pairs = list(product(ascii_lowercase, repeat=2))
    merges = [(" ", first) for first in ascii_lowercase]
    merges += [(f" {first}", second) for first, second in pairs]
    tokens = [*SPECIAL, *characters, *("".join(merge) for merge in merges)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(number, token) for number, token in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithNext",
            "invert": False,
        },
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [list(merge) for merge in merges],
        },
    }


def _special(number: int, token: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": token, "special": True, **flags}


def _configuration(vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 32,
        "vocab_size": vocabulary,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "torch_dtype": "bfloat16",
        "bos_token_id": 0,
        "eos_token_id": 1,
        "tie_word_embeddings": False,
    }
