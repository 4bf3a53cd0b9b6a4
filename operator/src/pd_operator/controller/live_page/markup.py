"""HTML that what is put into it cannot break: text is escaped, markup is a type of its own."""

from html import escape

VOID = frozenset({"link", "meta", "br"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *inside: str, **attributes: str | float) -> Markup:
    """`<tag ...>inside</tag>`: every string is escaped that is not `Markup`.

    An attribute's name is written as here, without the underscore at the end that Python needs for
    some, and with dashes for those between.
    """
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
    )
    if tag in VOID:
        return Markup(f"<{tag}{told}>")
    return Markup(f"<{tag}{told}>{joined(*inside)}</{tag}>")


def joined(*parts: str) -> Markup:
    """The parts after each other, escaped but for `Markup`."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))
