"""What SGLang said before it ended, as its pod's status has it, in one sentence.

`last_words/*.log` are the last 2048 bytes of the logs of SGLang 0.5.23 (on a CPU), with the paths
of its packages and of the model made ordinary ones.
"""

from pathlib import Path

import pytest

from pd_operator.telemetry.last_words import LONGEST_SENTENCE, telling_sentence

RECORDED = Path(__file__).parent / "last_words"
STAMP = "[2026-12-01 08:00:00 TP0] "


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_model_folder", "no model at '/models/llama': no such folder"),
        (
            "folder_without_a_model",
            "ValueError: Unrecognized model in /models/llama. Should have a `model_type` key in "
            "its config.json",
        ),
        (
            "no_way_to_the_hub",
            "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and "
            "couldn't find them in the cached files",
        ),
        (
            "no_memory",
            "ValueError: Loaded weights leave no GPU memory for the KV cache under "
            "--mem-fraction-static=0.0001. Raise --mem-fraction-static above 0.004 (minimum "
            "viable = 1 - available/pre = 0.0032)",
        ),
        (
            "transfer_backend_not_installed",
            "ImportError: Please install NIXL by following the instructions at "
            "https://github.com/ai-dynamo/nixl/blob/main/README.md to run SGLang with "
            "NixlTransferEngine",
        ),
        ("unknown_flag", "sglang serve: error: unrecognized arguments: --no-such-flag"),
        (
            "port_in_use",
            "[Errno 98] error while attempting to bind on address ('10.0.0.9', 30000): address "
            "already in use",
        ),
        (
            "unequal_page_sizes",
            "RuntimeError: Page size mismatch: prefill server has page_size=1, but decode server "
            "has page_size=64. Both servers must use the same --page-size value",
        ),
    ],
)
def test_sglang_is_quoted_with_the_sentence_that_tells_what_is_wrong(
    name: str, sentence: str
) -> None:
    assert telling_sentence(recorded(name)) == sentence


def test_what_the_others_say_when_one_has_ended_is_passed_over() -> None:
    message = (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n"
        f"{STAMP}Received sigquit from a child process. It usually means the child failed.\n"
        "EOFError\n"
        "RuntimeError: Rank 0 scheduler died during initialization (exit code: -9).\n"
    )
    assert telling_sentence(message) == (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    )


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("", ""),
        ("  \n \n", ""),
        ("EOFError\n", ""),
        (f"{STAMP}Load weight begin.\n{STAMP}it stops\n", "it stops"),
        ("loading failed for x\nbye\n", "loading failed for x"),
        (
            "KeyError: 'a'\n\n  During handling\nmodule.sub.SomeError: b\n",
            "module.sub.SomeError: b",
        ),
        ("RuntimeError\n", "RuntimeError"),
        ("ValueError: key api_key='abcdefgh' is wrong", "ValueError: key api_key='***' is wrong"),
    ],
)
def test_other_programs_are_quoted_with_their_last_exception_complaint_or_line(
    message: str, sentence: str
) -> None:
    assert telling_sentence(message) == sentence


def test_a_long_sentence_is_cut_and_of_several_the_whole_ones_are_kept() -> None:
    assert telling_sentence(f"ValueError: a. {'b' * 300}") == "ValueError: a"
    words = telling_sentence(f"ValueError: {'b' * 300}")
    assert len(words) == LONGEST_SENTENCE
    assert words.endswith("…")
