import json
from itertools import pairwise
from pathlib import Path

from pd_e2e.loadgen.prompts import PromptText
from pd_e2e.sglang.tiny_model import SPECIAL, tokenizer_document, write_tiny_model


def merged(text: str) -> list[str]:
    """Byte-pair encoding by the book: the earliest merge first."""
    rank = {
        tuple(merge): rank for rank, merge in enumerate(tokenizer_document()["model"]["merges"])
    }
    tokens = list(text)
    while pairs := [pair for pair in pairwise(tokens) if pair in rank]:
        best = min(pairs, key=rank.__getitem__)
        at = next(i for i in range(len(tokens)) if tuple(tokens[i : i + 2]) == best)
        tokens[at : at + 2] = ["".join(best)]
    return tokens


def test_each_word_of_the_load_generator_is_one_token() -> None:
    prompt = PromptText.random(0).prompt(200, 7)
    words = [f" {word}" for word in prompt.split()]
    assert [token for word in words for token in merged(word)] == words
    assert set(words) <= set(tokenizer_document()["model"]["vocab"])


def test_every_token_but_the_special_ones_is_visible_text() -> None:
    vocabulary = tokenizer_document()["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert all(text for text in set(vocabulary) - set(SPECIAL))
    assert [vocabulary[token] for token in SPECIAL] == [0, 1, 2]


def test_the_model_has_an_embedding_for_each_token(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "tiny")
    configuration = json.loads((tmp_path / "tiny" / "config.json").read_text())
    assert configuration["vocab_size"] == len(tokenizer_document()["model"]["vocab"])
