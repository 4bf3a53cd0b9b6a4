"""What probes and scrapers are told over HTTP."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pd_operator.controller.endpoints import application
from pd_operator.controller.status.metrics import OperatorMetrics


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/healthz", 200, "ok\n"),
        ("/readyz", 503, "services have not been listed yet\n"),
    ],
)
async def test_a_probe_fails_with_what_is_wrong(path: str, status: int, text: str) -> None:
    app = application(OperatorMetrics(), lambda: None, lambda: "services have not been listed yet")
    async with TestClient(TestServer(app)) as client, client.get(path) as answer:
        assert (answer.status, await answer.text()) == (status, text)


async def test_the_operator_s_metrics_are_there_for_prometheus() -> None:
    app = application(OperatorMetrics(), lambda: None, lambda: None)
    async with TestClient(TestServer(app)) as client, client.get("/metrics") as answer:
        assert answer.status == 200
        assert "# TYPE pd_operator_tick_duration_seconds histogram" in await answer.text()


@pytest.mark.parametrize(
    ("accept", "kind", "end"),
    [
        ("", "text/plain", ""),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", "# EOF\n"),
    ],
)
async def test_who_asks_for_open_metrics_gets_it(accept: str, kind: str, end: str) -> None:
    app = application(OperatorMetrics(), lambda: None, lambda: None)
    async with (
        TestClient(TestServer(app)) as client,
        client.get("/metrics", headers={"Accept": accept}) as answer,
    ):
        assert answer.content_type == kind
        assert (await answer.text()).endswith(end)
