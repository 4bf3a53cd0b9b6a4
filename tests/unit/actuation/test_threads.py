"""Requests to the API server wait for nobody else's answers."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import POD


class ApiServer(http.server.BaseHTTPRequestHandler):
    """It knows no object at all."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"message": "not found"}'
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [
                {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
            ],
            "users": [{"name": "me", "user": {}}],
        }
        (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield
        server.shutdown()


async def test_a_prometheus_that_hangs_holds_up_no_request_to_the_api_server(
    api_server: None,
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    answers = threading.Event()
    hanging = asyncio.create_task(asyncio.to_thread(answers.wait))
    try:
        found = await asyncio.wait_for(Cluster.connect().get(POD, "team", "chat"), timeout=20)
    finally:
        answers.set()
        await hanging
    assert found is None
