"""From an HTTP body to a request: how long the prompt is, how much to generate, where the KV is."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pd_e2e.engine.job import Bootstrap, Job, Stamps

Body = Mapping[str, Any]

_DEFAULT_OUTPUT_TOKENS = 128
_DEFAULT_COMPLETION_TOKENS = 16


class BadRequestError(ValueError):
    """The body cannot be served; `status` is the HTTP status that SGLang answers with."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Intake:
    """A request as it came: what the schedulers need in `job`, what the answer needs beside it."""

    job: Job
    model: str
    include_usage: bool


@dataclass(frozen=True)
class IntakeLimits:
    """The longest prompt and sequence that KV cache and model take, in tokens."""

    input_tokens: int
    total_tokens: int
    bootstrap_port: int
    context_tokens: int = 1 << 20


def read_chat(body: Body, limits: IntakeLimits, received: float) -> Intake:
    """`/v1/chat/completions`: words of all messages; no chat template is added."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages: a list of at least one message is needed")
    texts = [_content_text(message.get("content")) for message in messages]
    output = body.get("max_completion_tokens") or body.get("max_tokens") or _DEFAULT_OUTPUT_TOKENS
    return _intake(body, "\n".join(texts), output, limits, received)


def read_completion(body: Body, limits: IntakeLimits, received: float) -> Intake:
    """`/v1/completions`: a prompt as text or token ids, alone or in a list of one."""
    output = body.get("max_tokens", _DEFAULT_COMPLETION_TOKENS)
    return _intake(body, body.get("prompt"), output, limits, received)


def read_generate(body: Body, limits: IntakeLimits, received: float) -> Intake:
    """`/generate`: `text` or `input_ids`, alone or in a list of one."""
    prompt = body.get("input_ids") if body.get("text") is None else body["text"]
    sampling = _single(body.get("sampling_params")) or {}
    output = sampling.get("max_new_tokens", _DEFAULT_OUTPUT_TOKENS)
    return _intake(body, prompt, output, limits, received)


def prompt_length(prompt: object) -> int:
    """Tokens of a prompt: whitespace-separated words, or the ids themselves."""
    if isinstance(prompt, str):
        return len(prompt.split())
    if isinstance(prompt, list) and prompt:
        if isinstance(prompt[0], int):
            return len(prompt)
        if len(prompt) == 1:
            return prompt_length(prompt[0])
        raise BadRequestError("the engine simulator takes one prompt per request")
    raise BadRequestError("a prompt is needed: text, or a list of token ids")


def _intake(
    body: Body, prompt: object, output_tokens: object, limits: IntakeLimits, received: float
) -> Intake:
    if body.get("n", 1) != 1:
        raise BadRequestError("the engine simulator answers with one choice (n=1)")
    if not isinstance(output_tokens, int) or output_tokens < 1:
        raise BadRequestError("the number of tokens to generate must be a positive integer")
    prompt_tokens = max(1, prompt_length(prompt))
    _must_fit_the_model(prompt_tokens, output_tokens, limits.context_tokens)
    if prompt_tokens >= limits.input_tokens:
        raise BadRequestError(
            f"Input length ({prompt_tokens} tokens) exceeds the maximum allowed length "
            f"({limits.input_tokens} tokens). Use a shorter input or enable --allow-auto-truncate."
        )
    job = Job(
        rid=str(_single(body.get("rid")) or uuid.uuid4().hex),
        prompt_tokens=prompt_tokens,
        output_tokens=min(output_tokens, limits.total_tokens - prompt_tokens - 1),
        streaming=bool(body.get("stream")),
        bootstrap=_bootstrap(body, limits.bootstrap_port),
        prompt_key=hash(prompt) if isinstance(prompt, str) else hash(repr(prompt)),
        stamps=Stamps(received=received),
    )
    options = body.get("stream_options") or {}
    return Intake(job, str(body.get("model", "default")), bool(options.get("include_usage")))


def _must_fit_the_model(prompt_tokens: int, output_tokens: int, context_tokens: int) -> None:
    if prompt_tokens >= context_tokens:
        raise BadRequestError(
            f"The input ({prompt_tokens} tokens) is longer than the model's context length "
            f"({context_tokens} tokens)."
        )
    total = prompt_tokens + output_tokens
    if total > context_tokens:
        raise BadRequestError(
            f"Requested token count exceeds the model's maximum context length of {context_tokens} "
            f"tokens. You requested a total of {total} tokens: {prompt_tokens} tokens from the "
            f"input messages and {output_tokens} tokens for the completion. Please reduce the "
            "number of tokens in the input messages or the completion to fit within the limit."
        )


def _bootstrap(body: Body, own_port: int) -> Bootstrap:
    """Where the KV is. Without a port a real server assumes its own flag's."""
    room = _single(body.get("bootstrap_room"))
    if room is None:
        raise BadRequestError(
            "Invalid request: Disaggregated request received without bootstrap room id."
        )
    port = _single(body.get("bootstrap_port"))
    host = _single(body.get("bootstrap_host"))
    return Bootstrap(str(host), own_port if port is None else int(port), int(room))


def _single(value: Any) -> Any:
    """The router sends a batch of one as lists of one."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise BadRequestError("the engine simulator takes one prompt per request")
    return value[0]


def _content_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return ""
