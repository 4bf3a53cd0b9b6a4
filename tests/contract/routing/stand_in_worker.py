"""A stand-in for SGLang workers: just what smg asks of a prefill or decode server.

usage: stand_in_worker.py ROLE@HOST:PORT ...

Every worker answers health, model and load questions, and "serves" a request by waiting
`seconds` and, when asked to stream, sending `chunks` pieces over that time.
PUT /stand-in {"seconds": .., "chunks": ..} changes both; GET /stand-in tells what was served.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

MODEL = "stand-in"


@dataclass
class Worker:
    """One worker's role, its timing and what it has served."""

    role: str
    seconds: float = 0.02
    chunks: int = 4
    running: int = 0
    served: int = 0

    def application(self) -> web.Application:
        """The routes smg calls, and one for the test."""
        app = web.Application()
        about = {
            "model_path": MODEL,
            "served_model_name": MODEL,
            "tokenizer_path": MODEL,
            "is_generation": True,
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "disaggregation_mode": self.role,
            "tp_size": 1,
            "dp_size": 1,
            "version": "0.5.23",
        }
        models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        for path, answer in (
            ("/health", {}),
            ("/server_info", about),
            ("/model_info", about),
            ("/v1/models", models),
        ):
            app.router.add_get(path, _answering(answer))
        app.router.add_get("/v1/loads", self.loads)
        app.router.add_get("/stand-in", self.report)
        app.router.add_put("/stand-in", self.change)
        app.router.add_post("/v1/chat/completions", self.serve)
        return app

    async def loads(self, _: web.Request) -> web.Response:
        """Load as SGLang 0.5.23 tells it, as far as smg reads it."""
        load = {
            "dp_rank": 0,
            "num_running_reqs": self.running,
            "num_waiting_reqs": 0,
            "num_used_tokens": 100 * self.running,
            "num_total_tokens": 100 * self.running,
            "max_total_num_tokens": 100_000,
            "max_running_requests": 256,
            "token_usage": self.running / 1000,
            "gen_throughput": 1000.0,
        }
        return web.json_response({"version": "0.5.23", "loads": [load]})

    async def report(self, _: web.Request) -> web.Response:
        """How many requests ended here and how many run."""
        return web.json_response({"served": self.served, "running": self.running})

    async def change(self, request: web.Request) -> web.Response:
        """Other timing from now on."""
        wanted = await request.json()
        self.seconds = wanted.get("seconds", self.seconds)
        self.chunks = wanted.get("chunks", self.chunks)
        return web.json_response({})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Wait, then answer; in pieces when streaming."""
        wants_stream = (await request.json()).get("stream", False)
        self.running += 1
        try:
            if self.role == "prefill" or not wants_stream:
                await asyncio.sleep(self.seconds)
                choice = {"index": 0, "message": {"role": "assistant", "content": "."}}
                return web.json_response({"object": "chat.completion", "choices": [choice]})
            return await self._stream(request)
        finally:
            self.running -= 1
            self.served += 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        piece = json.dumps({"choices": [{"index": 0, "delta": {"content": "."}}]})
        for _ in range(self.chunks):
            await response.write(f"data: {piece}\n\n".encode())
            await asyncio.sleep(self.seconds / self.chunks)
        await response.write(b"data: [DONE]\n\n")
        return response


def _answering(answer: object) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(answer)

    return handler


async def main(workers: list[str]) -> None:
    """Serve until killed; says `ready` on standard output once all listen."""
    for worker in workers:
        role, _, address = worker.partition("@")
        host, _, port = address.rpartition(":")
        runner = web.AppRunner(Worker(role).application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, int(port)).start()
    print("ready", flush=True)  # noqa: T201 - the test waits for this line
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
