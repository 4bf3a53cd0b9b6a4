"""Serves the page: no script, no outside, no cookie, nothing that changes anything."""

import time
from datetime import UTC, datetime
from importlib.resources import files

from aiohttp import web
from pydantic import ValidationError

from pd_operator.api.names import ServiceKey
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.live_page.cards import card, unreadable
from pd_operator.controller.live_page.loads import Loads
from pd_operator.controller.live_page.markup import Markup, element
from pd_operator.controller.registry import Registry

REFRESH_SECONDS = 5
STYLE = "/live/style.css"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""A browser takes the style sheet from here and nothing from anywhere, and shows it in no frame."""


def add_live_page(app: web.Application, registry: Registry, loads: Loads) -> None:
    """Serve the services of the registry at `/`."""
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")

    async def show(_: web.Request) -> web.Response:
        text = page(registry, loads, time.time())
        headers = HEADERS | {"Refresh": str(REFRESH_SECONDS)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def show_style(_: web.Request) -> web.Response:
        return web.Response(text=style, content_type="text/css", headers=HEADERS)

    app.router.add_get("/", show)
    app.router.add_get(STYLE, show_style)


def page(registry: Registry, loads: Loads, now_seconds: float) -> str:
    """All services, by namespace and name."""
    keys = sorted(registry.services())
    cards = [_card(registry, loads, key, now_seconds) for key in keys]
    if not cards:
        cards = [element("p", "This operator knows no PDInferenceService.")]
    now = datetime.fromtimestamp(now_seconds, UTC)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width"),
        element("title", "pd-operator: services"),
        element("link", rel="stylesheet", href=STYLE),
    )
    note = f"{now:%Y-%m-%d %H:%M:%S} UTC; read-only, renewed every {REFRESH_SECONDS} s"
    header = element("header", element("h1", "pd-operator"), element("p", note))
    body = element("body", header, element("main", *cards))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _card(registry: Registry, loads: Loads, key: ServiceKey, now_seconds: float) -> Markup:
    try:
        service = PDInferenceService.parse(registry.entry(key).resource)
    except ValidationError:
        return unreadable(str(key))
    return card(service, loads.of(key), now_seconds)
