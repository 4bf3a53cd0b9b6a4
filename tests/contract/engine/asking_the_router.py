"""What clients do to SGLang's router, and what it counts, whatever workers it has."""

import http.client
import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.engine.processes import PORT, Process, fetch

METRICS_PORT = 29000
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"

REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "generate without a model": ("/generate", {"text": "one"}, 400, "missing_model"),
    "a prompt of token ids": (
        COMPLETIONS,
        {"model": "model", "prompt": [5, 6]},
        400,
        "invalid_type",
    ),
    "another model": (COMPLETIONS, {"model": "other", "prompt": "one"}, 404, "model_not_found"),
}
"""Path, body, status and error code."""


def refusal(answer: tuple[int, str]) -> tuple[int, str]:
    """Status and code of an error."""
    status, text = answer
    return status, json.loads(text)["error"]["code"]


def leave_a_stream(router: Process, tokens: int) -> None:
    """Ask for so many tokens, and hang up after the first bytes."""
    body = {"model": "model", "prompt": "one two", "max_tokens": tokens, "stream": True}
    connection = http.client.HTTPConnection(router.host, PORT, timeout=60)
    connection.request(
        "POST",
        COMPLETIONS,
        json.dumps({**body, "ignore_eos": True}),
        {"Content-Type": "application/json"},
    )
    answer = connection.getresponse()
    assert answer.status == 200
    answer.read(10)
    answer.close()
    connection.close()


def counted(router: Process, name: str, **labels: str) -> float:
    """The sum of a router's series with these labels."""
    status, text = fetch(f"http://{router.host}:{METRICS_PORT}/metrics")
    assert status == 200
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
