"""What to measure of a live engine, in which order, and how far that has come.

Corners of a table come first: a measurement that ends early then still makes a table, only a
coarser one. What was measured is kept as lines of JSON, so that a second run goes on.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pd_operator.api.roles import Role
from pd_operator.performance.points import DecodePoint, PrefillPoint
from pd_operator.performance.profile import ProfileError

SHORTEST_PROMPT = 128
CONTEXTS = (512, 4096)
"""Contexts at which decode is measured; its steps are close to straight in between and beyond."""

_ROOM_TO_USE = 0.8


@dataclass(frozen=True)
class Probe:
    """One thing to measure: a pass over `tokens`, or steps of `sequences` with `tokens` each."""

    role: Role
    tokens: int
    sequences: int = 1

    def __str__(self) -> str:
        if self.role is Role.PREFILL:
            return f"prefill of {self.tokens} tokens"
        return f"decode of {self.sequences} x {self.tokens} tokens"


@dataclass(frozen=True)
class Extent:
    """How far to go: the longest prompt, and the most sequences at once."""

    longest_prompt: int = 8192
    max_sequences: int = 64


Point: TypeAlias = PrefillPoint | DecodePoint


@dataclass(frozen=True)
class Finding:
    """A probe and the point that it gave."""

    probe: Probe
    point: Point


def prefill_probes(extent: Extent, longest_input: int) -> tuple[Probe, ...]:
    """Prompts from short to long, each twice as long as the last; the two ends first.

    None is longer than what the engine takes.
    """
    longest = min(extent.longest_prompt, longest_input)
    doublings = int(math.log2(max(1.0, longest / SHORTEST_PROMPT)))
    lengths = [SHORTEST_PROMPT * 2**step for step in range(doublings + 1)]
    return tuple(Probe(Role.PREFILL, tokens) for tokens in _ends_first(lengths))


def decode_probes(
    extent: Extent, kv_tokens: int, longest_input: int, answer_tokens: int
) -> tuple[Probe, ...]:
    """Batches from one on, each twice as large as the last, at two contexts; corners first.

    Batches that would not fit most of the KV cache with their answers are left out. Where a model
    takes less than the longer context with its answer, the contexts are what it takes, and half.
    """
    longest = min(CONTEXTS[-1], longest_input - answer_tokens)
    contexts = (min(CONTEXTS[0], longest // 2), longest)
    doublings = int(math.log2(max(1, extent.max_sequences)))
    batches = [2**step for step in range(doublings + 1)]
    return tuple(
        Probe(Role.DECODE, context, sequences)
        for sequences in _ends_first(batches)
        for context in contexts
        if context > 0 and sequences * (context + answer_tokens) <= _ROOM_TO_USE * kv_tokens
    )


def _ends_first(values: list[int]) -> list[int]:
    ends = [values[0], values[-1]] if len(values) > 1 else values
    return [*ends, *(value for value in values if value not in ends)]


def to_line(finding: Finding) -> str:
    """One line of the file that a measurement goes on from."""
    probe, point = finding.probe, finding.point
    measured = (
        [point.new_tokens, point.seconds]
        if isinstance(point, PrefillPoint)
        else [point.sequences, point.context_tokens, point.seconds]
    )
    asked = [probe.role.value, probe.tokens, probe.sequences]
    return json.dumps({"asked": asked, "measured": measured})


def read_findings(lines: Iterable[str], name: str) -> list[Finding]:
    """What `to_line` wrote; `ProfileError` names the line that it did not write."""
    findings = []
    for number, line in enumerate(lines, start=1):
        try:
            findings.append(_finding(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise ProfileError(f"{name}, line {number}: is no finding: {error}") from error
    return findings


def _finding(stored: Mapping[str, Any]) -> Finding:
    role, tokens, sequences = stored["asked"]
    measured = [float(figure) for figure in stored["measured"]]
    if not all(math.isfinite(figure) and figure > 0 for figure in measured):
        raise ValueError(f"{measured} cannot have been measured")
    probe = Probe(Role(role), int(tokens), int(sequences))
    if probe.role is Role.PREFILL:
        new_tokens, seconds = measured
        return Finding(probe, PrefillPoint(new_tokens, seconds))
    batch, context, seconds = measured
    return Finding(probe, DecodePoint(batch, context, seconds))
