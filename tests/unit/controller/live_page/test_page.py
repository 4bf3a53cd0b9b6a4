"""The operator's page as a browser gets it."""

from html.parser import HTMLParser
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pd_operator.api.names import ServiceKey
from pd_operator.controller.live_page.handlers import STYLE, add_live_page, page
from pd_operator.controller.live_page.loads import SPAN_SECONDS, Loads
from pd_operator.controller.live_page.markup import element
from pd_operator.controller.registry import Registry

NOW = 1_790_000_000.0
HOSTILE = "<script>alert(1)</script>\"'&"
POOL = {"current": 2, "desired": 3, "ready": 2, "starting": 1, "draining": 0}
STATUS: dict[str, Any] = {
    "prefill": POOL,
    "decode": POOL,
    "demand": {
        "milliRequestsPerSecond": 18_400,
        "promptTokensPerSecond": 20_000,
        "outputTokensPerSecond": 2_000,
        "meanPromptTokens": 1_000,
        "meanOutputTokens": 100,
    },
    "lastDecision": {
        "time": "2026-12-01T07:00:30Z",
        "reason": "ForecastLoad",
        "message": f"Prefill goes from 2 to 3: {HOSTILE}",
    },
    "history": [
        {
            "time": "2026-12-01T07:00:30Z",
            "role": "prefill",
            "before": 2,
            "after": 3,
            "reason": "ForecastLoad",
            "message": HOSTILE,
            "decision": "5f0c9a1be27d",
        }
    ],
}


def resource(name: str = "chat", **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": name, "namespace": "team", "uid": name, "generation": 1},
        "spec": {
            "model": {"path": "org/model"},
            "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
            "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
            "prefill": {"maxReplicas": 8},
            "decode": {"maxReplicas": 8},
            "metrics": {"prometheusUrl": "http://prometheus:9090"},
        },
        "status": STATUS,
    } | changes


def registry_of(*resources: dict[str, Any]) -> Registry:
    registry = Registry()
    registry.replace(resources)
    return registry


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def shown(registry: Registry) -> str:
    loads = Loads(registry)
    loads.look(NOW - 15)
    loads.look(NOW)
    return page(registry, loads, NOW)


def test_each_service_is_shown_with_load_workers_and_the_last_words() -> None:
    text = shown(registry_of(resource("chat"), resource("code")))
    assert text.index("team/chat") < text.index("team/code")
    for words in ("<b>18.4</b> requests/s", "2 ready, 3 wanted, 1 starting", "prefill 2 → 3"):
        assert words in text
    assert "polyline" in text


def test_nothing_that_a_service_says_becomes_markup() -> None:
    text = shown(registry_of(resource()))
    tags = Tags(text)
    assert "script" not in {tag for tag, _ in tags.found}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in text
    assert tags.open == []


def test_an_attribute_is_escaped_too() -> None:
    assert element("p", "x", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;">x</p>'


def test_the_page_needs_no_script_no_style_of_its_own_and_nothing_from_elsewhere() -> None:
    tags = Tags(shown(registry_of(resource())))
    for tag, attributes in tags.found:
        assert tag not in {"script", "style", "iframe", "img", "form", "a"}
        assert not {name for name in attributes if name == "style" or name.startswith("on")}
    assert [a["href"] for tag, a in tags.found if tag == "link"] == [STYLE]


def test_a_service_that_is_not_understood_does_not_hide_the_others() -> None:
    text = shown(registry_of(resource("chat"), resource("odd", spec={"model": 1})))
    assert "team/odd" in text
    assert "does not fit" in text
    assert "<b>18.4</b> requests/s" in text


def test_a_service_without_a_status_says_that_nothing_is_known() -> None:
    text = shown(registry_of(resource(status={})))
    assert "unknown" in text
    assert "none yet" in text


def test_without_services_the_page_says_so() -> None:
    assert "knows no PDInferenceService" in shown(registry_of())


def test_loads_are_kept_for_half_an_hour_and_forgotten_with_their_service() -> None:
    registry = registry_of(resource())
    loads, chat = Loads(registry), ServiceKey("team", "chat")
    loads.look(NOW - SPAN_SECONDS - 1)
    loads.look(NOW)
    assert list(loads.of(chat)) == [(NOW, 18.4)]
    registry.replace([])
    loads.look(NOW + 1)
    assert list(loads.of(chat)) == []


def test_an_unknown_load_leaves_a_gap_and_no_zero() -> None:
    registry = registry_of(resource(status={}))
    loads = Loads(registry)
    loads.look(NOW)
    assert list(loads.of(ServiceKey("team", "chat"))) == []


@pytest.mark.parametrize("path", ["/", STYLE])
async def test_a_browser_is_told_to_run_nothing_and_to_take_nothing_from_elsewhere(
    path: str,
) -> None:
    app = web.Application()
    registry = registry_of(resource())
    add_live_page(app, registry, Loads(registry))
    async with TestClient(TestServer(app)) as client:
        async with client.get(path) as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'")
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with client.post(path) as refused:
            assert refused.status == 405
