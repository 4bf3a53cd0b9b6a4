"""Writes docs/api-reference.md from the CRD, which is made from the API models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CRD = ROOT / "crds" / "serving.pd-operator.io_pdinferenceservices.yaml"
PAGE = ROOT / "docs" / "api-reference.md"

Schema = dict[str, Any]

_HEAD = """# API reference

`{kind}` (`{short}`), `{group}/{version}`. Written from the CRD by `make api-reference`.
`kubectl explain {short}.spec` shows the same on a cluster. A field in bold must be given.

{description}
"""


def page(crd: Schema) -> str:
    """The page as Markdown."""
    spec = crd["spec"]
    (version,) = spec["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    head = _HEAD.format(
        kind=spec["names"]["kind"],
        short=spec["names"]["shortNames"][0],
        group=spec["group"],
        version=version["name"],
        description=schema["description"],
    )
    parts = [head]
    for part in ("spec", "status"):
        parts += _sections(part, schema["properties"][part])
    return "\n".join(parts)


def _sections(path: str, schema: Schema) -> Iterator[str]:
    """The section of an object, and after it those of the objects in it."""
    properties = schema.get("properties", {})
    needed = set(schema.get("required", ()))
    lines = [f"## {path}", "", schema.get("description", "").strip(), ""]
    lines += ["| field | type | default | |", "|---|---|---|---|"]
    lines += [_row(name, field, name in needed) for name, field in properties.items()]
    rules = schema.get("x-kubernetes-validations", [])
    if rules:
        lines += ["", "Refused unless:", ""]
        lines += [f"- {_text(rule['message'])}" for rule in rules]
    yield "\n".join([*lines, ""])
    for name, field in properties.items():
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _sections(f"{path}.{name}{'[]' * ('items' in field)}", inner)


def _row(name: str, field: Schema, needed: bool) -> str:
    shown = f"**`{name}`**" if needed else f"`{name}`"
    default = f"`{_text(json.dumps(field['default']))}`" if "default" in field else ""
    return f"| {shown} | {_type(field)} | {default} | {_text(field.get('description', ''))} |"


def _type(field: Schema) -> str:
    """Type and bounds, as `integer, 1 to 64`."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    least, most = field.get("minimum"), field.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least} to {most}"
    return kind if least is None else f"{kind}, {least} or more"


def _text(words: str) -> str:
    """Words that may stand in a cell of a table."""
    return " ".join(words.split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(yaml.safe_load(CRD.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
