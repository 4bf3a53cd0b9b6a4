"""A live service's engines measured, each role alone: bounded, resumable, with progress."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from pd_operator.api.roles import Role
from pd_operator.cli.profiling.probing import ANSWER_TOKENS, BusyError, Prober
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
from pd_operator.performance.points import DecodePoint, PrefillPoint, ProfileFacts

_GIBIBYTE = 1 << 30

Progress = Callable[[Probe, int, int], None]
"""Called before each probe with it, its number from 0, and how many there are."""


@dataclass(frozen=True)
class Campaign:
    """What to measure, how far, how long, and where findings are kept between runs."""

    urls: Mapping[Role, str]
    kept: Path
    extent: Extent = field(default_factory=Extent)
    seconds: float = 600.0
    seed: int | None = None


@dataclass(frozen=True)
class Outcome:
    """All findings, of this run and earlier ones, and what was left for want of time or quiet."""

    findings: tuple[Finding, ...]
    left: tuple[Probe, ...]

    @property
    def prefill(self) -> list[PrefillPoint]:
        """Points of prefill."""
        return [found.point for found in self.findings if isinstance(found.point, PrefillPoint)]

    @property
    def decode(self) -> list[DecodePoint]:
        """Points of decode."""
        return [found.point for found in self.findings if isinstance(found.point, DecodePoint)]


async def run_campaign(campaign: Campaign, progress: Progress) -> Outcome:
    """Measure what is not measured yet, until the time is up."""
    deadline = time.monotonic() + campaign.seconds
    findings = _kept(campaign.kept)
    left: list[Probe] = []
    async with ClientSession() as session:
        probers = {
            role: Prober(session, url, random.Random(campaign.seed))  # noqa: S311 - prompts, no secrets
            for role, url in campaign.urls.items()
        }
        await _check_roles(probers)
        asked = await _probes(campaign, probers)
        known = {found.probe for found in findings}
        for number, probe in enumerate(asked):
            if probe in known:
                continue
            progress(probe, number, len(asked))
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                    found = await probers[probe.role].measure(probe)
            except (BusyError, TimeoutError):
                left.append(probe)
                continue
            findings.append(found)
            with campaign.kept.open("a", encoding="utf-8") as file:
                file.write(f"{to_line(found)}\n")
    return Outcome(tuple(findings), tuple(left))


def _kept(path: Path) -> list[Finding]:
    if not path.exists():
        return []
    return read_findings(path.read_text(encoding="utf-8").splitlines(), str(path))


async def _probes(campaign: Campaign, probers: Mapping[Role, Prober]) -> list[Probe]:
    asked: list[Probe] = []
    if Role.PREFILL in probers:
        longest = await _longest_input(probers[Role.PREFILL])
        asked += prefill_probes(campaign.extent, longest)
    if Role.DECODE in probers:
        room = (await probers[Role.DECODE].load()).max_total_tokens
        longest = await _longest_input(probers[Role.DECODE])
        asked += decode_probes(campaign.extent, room, longest, ANSWER_TOKENS)
    return asked


async def _longest_input(prober: Prober) -> int:
    """The longest prompt, in tokens, that the engine takes; nothing longer is sent to it."""
    url = f"{prober.url}/server_info"
    longest = (await _document(prober.session, url)).get("max_req_input_len")
    if not isinstance(longest, int) or longest < 1:
        raise ProfileError(f"{url} does not tell how long a prompt may be (max_req_input_len)")
    return longest


async def _check_roles(probers: Mapping[Role, Prober]) -> None:
    for role, prober in probers.items():
        mode = (await prober.load()).mode
        if mode is not role:
            told = mode.value if mode else "both roles"
            raise ProfileError(f"{prober.url} runs as {told}, not as {role.value}")


async def facts_of(
    url: str, *, gpu: str, kv_bytes_per_token: int | None, startup_seconds: int | None
) -> ProfileFacts:
    """What an engine tells of itself beside its speed.

    Bytes of KV per token are reckoned from its memory where they are not given: all ranks
    together, each holding its share.
    """
    async with ClientSession(timeout=ClientTimeout(total=10.0)) as session:
        info = await _document(session, f"{url}/server_info")
        loads = (await _document(session, f"{url}/v1/loads"))["loads"]
    size, room = int(info["tp_size"]), sum(int(rank["max_total_num_tokens"]) for rank in loads)
    memory = sum(float(rank["memory"]["kv_cache_gb"]) for rank in loads) * _GIBIBYTE
    return ProfileFacts(
        model=str(info["model_path"]),
        gpu=gpu,
        engine="sglang",
        engine_version=str(info["version"]),
        origin="measured on a live service by its engines' own counters (kubectl pd profile)",
        kv_bytes_per_token=kv_bytes_per_token or max(1, round(memory * size / room)),
        kv_tokens=room,
        tensor_parallel_size=size,
        startup_seconds=startup_seconds,
    )


async def _document(session: ClientSession, url: str) -> dict[str, Any]:
    try:
        async with session.get(url) as answer:
            document: dict[str, Any] = await answer.json(content_type=None)
            return document
    except (ClientError, TimeoutError, OSError, ValueError) as error:
        raise ProfileError(f"{url} does not answer: {error!r}") from error
