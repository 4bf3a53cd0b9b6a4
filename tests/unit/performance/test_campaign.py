import pytest

from pd_operator.api.roles import Role
from pd_operator.performance import ProfileError
from pd_operator.performance.campaign import (
    Extent,
    Finding,
    Probe,
    decode_probes,
    prefill_probes,
    read_findings,
    to_line,
)
from pd_operator.performance.points import DecodePoint, PrefillPoint


def test_prompts_double_up_to_the_longest_and_the_ends_come_first() -> None:
    lengths = [
        probe.tokens for probe in prefill_probes(Extent(longest_prompt=2000), longest_input=9000)
    ]
    assert lengths == [128, 1024, 256, 512]


def test_batches_double_up_to_the_most_and_the_corners_come_first() -> None:
    probes = decode_probes(
        Extent(max_sequences=8), kv_tokens=10**6, longest_input=9000, answer_tokens=100
    )
    asked = [(probe.sequences, probe.tokens) for probe in probes]
    assert asked[:4] == [(1, 512), (1, 4096), (8, 512), (8, 4096)]
    assert sorted(asked[4:]) == [(2, 512), (2, 4096), (4, 512), (4, 4096)]


def test_a_batch_that_would_fill_the_kv_cache_is_not_asked_for() -> None:
    probes = decode_probes(
        Extent(max_sequences=64), kv_tokens=50_000, longest_input=9000, answer_tokens=100
    )
    assert max(p.sequences * (p.tokens + 100) for p in probes) <= 40_000
    assert Probe(Role.DECODE, 512, 64) in probes


@pytest.mark.parametrize("longest", [2042, 700, 150])
def test_nothing_is_asked_for_that_is_longer_than_the_model_takes(longest: int) -> None:
    prompts = prefill_probes(Extent(longest_prompt=8192), longest_input=longest)
    assert max(probe.tokens for probe in prompts) <= longest
    batches = decode_probes(
        Extent(max_sequences=4), kv_tokens=10**6, longest_input=longest, answer_tokens=100
    )
    assert len({probe.tokens for probe in batches}) == 2
    assert max(probe.tokens for probe in batches) + 100 <= longest


def test_findings_are_kept_as_lines_and_read_again() -> None:
    findings = [
        Finding(Probe(Role.PREFILL, 1024), PrefillPoint(1000.0, 0.05)),
        Finding(Probe(Role.DECODE, 1024, 8), DecodePoint(7.9, 1100.0, 0.01)),
    ]
    assert read_findings([to_line(found) for found in findings], "kept") == findings


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"asked": ["prefill", 128, 1]}',
        '{"asked": ["router", 128, 1], "measured": [128, 0.1]}',
        '{"asked": ["prefill", 128, 1], "measured": [128]}',
        '{"asked": ["prefill", 128, 1], "measured": [128, -0.1]}',
        '{"asked": ["decode", 128, 1], "measured": [1, 128, NaN]}',
    ],
)
def test_a_line_that_is_no_finding_is_named(line: str) -> None:
    good = to_line(Finding(Probe(Role.PREFILL, 128), PrefillPoint(128.0, 0.05)))
    with pytest.raises(ProfileError, match="kept, line 2: is no finding"):
        read_findings([good, line], "kept")
