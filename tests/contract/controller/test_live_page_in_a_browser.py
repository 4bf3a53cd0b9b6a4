"""The operator's own page in headless Chromium: in its style, light and dark, wide and narrow.

Skipped where no Chromium is installed (Debian's package `chromium`).
"""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from matplotlib.image import imread

from pd_e2e.cluster.ports import LOOPBACK, free_ports
from pd_e2e.cluster.waiting import eventually
from pd_operator.controller.endpoints import serve
from pd_operator.controller.live_page.handlers import add_live_page
from pd_operator.controller.live_page.loads import Loads
from pd_operator.controller.registry import Registry

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

PAPER = {"light": (255, 255, 255), "dark": (15, 23, 42)}
"""The background of the style sheet, by what the reader prefers."""
SCHEME = {"dark": "0", "light": "1"}
"""Chromium's own numbers for these."""

HOSTILE = "<img src=x onerror=alert(1)>"


def pool(ready: int, desired: int, **more: int) -> dict[str, int]:
    counts = {"current": desired, "desired": desired, "ready": ready, "starting": 0, "draining": 0}
    return counts | more


def forecast(rate: int) -> dict[str, Any]:
    return {
        "horizonSeconds": 230,
        "quantilePercent": 70,
        "tokensPerSecond": rate * 1000,
        "milliRequestsPerSecond": rate * 1100,
        "medianMilliRequestsPerSecond": rate * 1000,
    }


def service(name: str, rate: int, ready: int, faults: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": name, "namespace": "serving", "uid": name, "generation": 1},
        "spec": {
            "model": {"path": "org/model"},
            "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
            "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
            "prefill": {"maxReplicas": 8},
            "decode": {"maxReplicas": 6},
        },
        "status": {
            "prefill": pool(ready, ready + 1, starting=1),
            "decode": pool(3, 2, draining=1),
            "demand": {
                "milliRequestsPerSecond": rate * 1000,
                "promptTokensPerSecond": 20_000,
                "outputTokensPerSecond": 2_000,
                "meanPromptTokens": 1_000,
                "meanOutputTokens": 100,
            },
            "forecast": {
                "model": "Hedge",
                "prefill": forecast(rate + 3),
                "decode": forecast(rate + 3),
            },
            "attainment": {
                "ttftPerMille": 962,
                "tpotPerMille": 841,
                "jointLowPerMille": 803,
                "jointHighPerMille": 841,
                "requests": 12_480,
            },
            "lastDecision": {
                "time": "2026-12-01T07:00:30Z",
                "reason": "ForecastLoad",
                "message": f"Prefill goes from {ready} to {ready + 1}: the load rises. {HOSTILE}",
            },
            "history": [
                {
                    "time": "2026-12-01T07:00:30Z",
                    "role": "prefill",
                    "before": ready,
                    "after": ready + 1,
                    "reason": "ForecastLoad",
                    "message": "29.4 requests/s in 230 s need it.",
                    "decision": "5f0c9a1be27d",
                }
            ],
            "conditions": faults,
        },
    }


UNPLACED: dict[str, Any] = {
    "type": "CapacityAvailable",
    "status": "False",
    "reason": "WorkersUnschedulable",
    "message": "1 prefill worker waits: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
    "lastTransitionTime": "2026-12-01T07:00:40Z",
    "observedGeneration": 1,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The page of two services, one of them in trouble, half an hour after the first look."""
    registry = Registry()
    loads = Loads(registry)
    now = time.time()
    for minute in range(31):
        rate = 10 + minute - 10 * (minute > 20)
        code = service("code", 40 - minute, 2, [UNPLACED])
        registry.replace([service("chat", rate, 3, []), code])
        loads.look(now - 60 * (30 - minute))
    app = web.Application()
    add_live_page(app, registry, loads)
    (port,) = free_ports(1)
    loop = asyncio.new_event_loop()

    def run() -> None:
        loop.run_until_complete(serve(app, LOOPBACK, port))
        loop.run_forever()

    threading.Thread(target=run, daemon=True).start()
    yield f"http://{LOOPBACK}:{port}/"
    loop.call_soon_threadsafe(loop.stop)


@pytest.fixture
def browse(url: str, tmp_path: Path) -> Any:
    """Runs Chromium over the page; what it prints, and its complaints."""

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(BROWSER),
            "--headless=new",
            "--no-sandbox",  # CI is root, for whom Chromium has none
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            *flags,
            url,
        ]
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=120
        )

    return run


def test_the_browser_refuses_nothing_and_runs_nothing_that_a_service_says(browse: Any) -> None:
    seen = browse("--dump-dom")
    assert "serving/chat" in seen.stdout
    assert "Insufficient nvidia.com/gpu" in seen.stdout
    assert "&lt;img src=x onerror=alert(1)&gt;" in seen.stdout
    assert "<img" not in seen.stdout
    assert "CONSOLE" not in seen.stderr, "the browser's own complaints, such as Refused to load"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn_as_the_reader_prefers(browse: Any, tmp_path: Path, scheme: str) -> None:
    picture = picture_of(browse, tmp_path, 1100, 900, f"preferredColorScheme={SCHEME[scheme]}")
    assert tuple(picture[2, 2]) == PAPER[scheme]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50, "text and drawings"


def test_a_telephone_shows_it_without_scrolling_sideways(browse: Any, tmp_path: Path) -> None:
    """What is drawn right of the window on a telephone would be drawn there on a wider one."""
    picture = picture_of(browse, tmp_path, 500, 1500, "preferredColorScheme=1")
    assert (picture[:, -8:] == PAPER["light"]).all()


def picture_of(browse: Any, folder: Path, width: int, height: int, settings: str) -> Any:
    place = Path(os.environ.get("PD_SCREENSHOTS", folder), f"live-{width}-{settings[-1]}.png")
    size = f"--window-size={width},{height}"
    eventually(
        lambda: (
            browse(f"--screenshot={place}", size, f"--blink-settings={settings}") and place.exists()
        ),
        timeout_seconds=60,
    )
    return np.rint(imread(place)[:, :, :3] * 255).astype(int)
