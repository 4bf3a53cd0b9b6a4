"""The page of a report: figures in large type, sections, tables, all in one HTML file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template


@dataclass(frozen=True)
class Tile:
    """One figure in large type; `good` colors it, None leaves it as it is."""

    figure: str
    name: str
    note: str
    good: bool | None = None

    @property
    def html(self) -> str:
        """The tile's markup."""
        color = {None: "", True: "good", False: "bad"}[self.good]
        return (
            f'<div class="tile"><b class="{color}">{escape(self.figure)}</b>'
            f"<span>{escape(self.name)}</span><small>{escape(self.note)}</small></div>"
        )


def page(
    title: str, lead: str, tiles: Iterable[Tile], sections: Iterable[str], footer: str = ""
) -> str:
    """The whole page. `title` is text; `lead`, `sections` and `footer` are markup."""
    template = Template((files(__package__) / "template.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        lead=lead,
        tiles="\n".join(tile.html for tile in tiles),
        sections="\n".join(sections),
        footer=f"<footer>\n<p>{footer}</p>\n</footer>" if footer else "",
    )


def section(heading: str, body: str, *paragraphs: str) -> str:
    """A heading, what there is to know, and a plot or table; all markup."""
    text = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return f"<section>\n<h2>{heading}</h2>\n{text}{body}\n</section>"


def figures_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of figures, given as text: the first column names, the others are right-aligned."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells in rows
    )
    return f'<table class="figures"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'
