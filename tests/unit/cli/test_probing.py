"""What an engine is sent while `kubectl pd profile` measures it."""

from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from pd_operator.api.roles import Role
from pd_operator.cli.profiling.ordinary_words import ORDINARY_WORDS
from pd_operator.cli.profiling.probing import Prober
from pd_operator.performance.campaign import Probe

TOKENS_PER_WORD = 2
MICROSECONDS_PER_TOKEN = 100


class Engine:
    """A prefill that splits each word in two, answers as SGLang 0.5.23, and keeps what came."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._tokens = 4
        self._micros = 66_115

    async def generate(self, http: web.Request) -> web.Response:
        body = await http.json()
        self.bodies.append(body)
        tokens = TOKENS_PER_WORD * len(body["text"].split())
        self._tokens += tokens
        self._micros += MICROSECONDS_PER_TOKEN * tokens
        return web.json_response({"text": "a", "meta_info": {"prompt_tokens": tokens}})

    async def loads(self, _: web.Request) -> web.Response:
        counts = dict.fromkeys(
            (
                "num_running_reqs",
                "num_waiting_reqs",
                "num_waiting_uncached_tokens",
                "num_used_tokens",
                "num_active_tokens",
            ),
            0,
        )
        queues = dict.fromkeys(
            (
                "prefill_bootstrap_queue_reqs",
                "prefill_inflight_queue_reqs",
                "decode_prealloc_queue_reqs",
                "decode_transfer_queue_reqs",
                "decode_retracted_queue_reqs",
            ),
            0,
        )
        load = {
            **counts,
            "max_total_num_tokens": 8192,
            "total_prefill_uncached_tokens": self._tokens,
            "total_prefill_busy_us": self._micros,
            "decode_moments": None,
            "disaggregation": {"mode": "prefill", **queues},
        }
        return web.json_response({"loads": [load]})


@pytest.mark.parametrize("tokens", [128, 1024])
async def test_an_engine_is_measured_by_ordinary_words_of_about_the_length_asked_for(
    tokens: int,
) -> None:
    engine = Engine()
    app = web.Application()
    app.add_routes([web.post("/generate", engine.generate), web.get("/v1/loads", engine.loads)])
    async with TestServer(app) as server, ClientSession() as session:
        prober = Prober(session, str(server.make_url("")).rstrip("/"))
        found = await prober.measure(Probe(Role.PREFILL, tokens))
    for body in engine.bodies:
        assert "input_ids" not in body
        assert set(body["text"].split()) <= set(ORDINARY_WORDS)
    _, measured = engine.bodies
    sent = TOKENS_PER_WORD * len(measured["text"].split())
    assert 0.9 * tokens <= sent <= tokens
    assert found.point.seconds == pytest.approx(sent * MICROSECONDS_PER_TOKEN * 1e-6)
