"""Small pictures as SVG, colored by the style sheet: the page's policy allows no other style."""

from collections.abc import Sequence

from pd_operator.controller.live_page.loads import SPAN_SECONDS
from pd_operator.controller.live_page.markup import Markup, element

WIDTH, HEIGHT = 480.0, 64.0
BLOCK, GAP = 14.0, 4.0
MAXIMUM_BLOCKS = 24
LONGEST_GAP_SECONDS = 120.0


def load_line(rates: Sequence[tuple[float, float]], now_seconds: float) -> Markup:
    """The load of the last half hour; a gap where it was unknown."""
    top = max((rate for _, rate in rates), default=0.0) or 1.0
    lines: list[list[str]] = []
    before = float("-inf")
    for seconds, rate in rates:
        if seconds - before > LONGEST_GAP_SECONDS:
            lines.append([])
        before = seconds
        x = WIDTH * (1 - (now_seconds - seconds) / SPAN_SECONDS)
        lines[-1].append(f"{x:.1f},{HEIGHT - 2 - (HEIGHT - 6) * rate / top:.1f}")
    drawn = (element("polyline", points=" ".join(line)) for line in lines)
    return element(
        "svg",
        *drawn,
        class_="load",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"load of the last half hour, at most {top:.1f} requests per second",
    )


def worker_blocks(ready: int, desired: int, most: int, role: str) -> Markup:
    """A block per worker: full where ready, an outline where wanted, half where it leaves."""
    staying, starting = min(ready, desired), max(desired - ready, 0)
    kinds = ["ready"] * staying + ["starting"] * starting + ["leaving"] * max(ready - desired, 0)
    kinds += ["absent"] * (most - len(kinds))
    blocks = (
        element("rect", class_=kind, x=n * (BLOCK + GAP) + 1, y=1, width=BLOCK, height=BLOCK, rx=2)
        for n, kind in enumerate(kinds[:MAXIMUM_BLOCKS])
    )
    width = min(len(kinds), MAXIMUM_BLOCKS) * (BLOCK + GAP)
    return element(
        "svg",
        *blocks,
        class_=f"workers {role}",
        viewBox=f"0 0 {width:g} {BLOCK + 2:g}",
        width=width,
        height=BLOCK + 2,
        role="img",
        aria_label=f"{ready} ready, {desired} wanted",
    )
