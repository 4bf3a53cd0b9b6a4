from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pd_operator.api.crd import custom_resource_definition, render
from pd_operator.api.structural import Schema

ROOT = Path(__file__).parents[3]
FILE = ROOT / "crds" / "serving.pd-operator.io_pdinferenceservices.yaml"


def root_schema() -> Schema:
    [version] = custom_resource_definition()["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field below a schema, list elements as `path[]`."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from fields(schema["items"], f"{path}[]")


SPEC = list(fields(root_schema()["properties"]["spec"], "spec"))
STATUS = list(fields(root_schema()["properties"]["status"], "status"))


def test_the_file_in_the_repository_is_the_generated_one() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "run `make crds`"


@pytest.mark.parametrize(("path", "field"), SPEC + STATUS, ids=[p for p, _ in SPEC + STATUS])
def test_every_field_teaches(path: str, field: Schema) -> None:
    if not path.endswith("[]"):
        assert field.get("description", "").endswith("."), path


@pytest.mark.parametrize(("path", "field"), SPEC + STATUS, ids=[p for p, _ in SPEC + STATUS])
def test_the_schema_is_structural_and_has_no_floats(path: str, field: Schema) -> None:
    forbidden = {"$ref", "anyOf", "oneOf", "allOf", "title"}
    assert not forbidden & field.keys(), path
    # Of a map it is the schema of the values, and says nothing of other fields.
    assert not isinstance(field.get("additionalProperties"), bool), path
    assert field["type"] in {"string", "integer", "boolean", "array", "object"}, path


@pytest.mark.parametrize(("path", "field"), SPEC, ids=[p for p, _ in SPEC])
def test_what_a_user_writes_is_bounded(path: str, field: Schema) -> None:
    if field["type"] == "string":
        assert "maxLength" in field or "enum" in field, path
    elif field["type"] == "integer":
        assert {"minimum", "maximum"} <= field.keys(), path
    elif field["type"] == "array":
        assert "maxItems" in field, path


@pytest.mark.parametrize(
    ("path", "field"), [(p, f) for p, f in SPEC + STATUS if f["type"] == "array"]
)
def test_every_list_says_how_it_merges(path: str, field: Schema) -> None:
    assert field["x-kubernetes-list-type"] in {"atomic", "set", "map"}, path


def test_conditions_merge_by_type() -> None:
    conditions: Any = dict(STATUS)["status.conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_an_optional_field_has_no_default_and_an_object_defaults_to_its_fields_defaults() -> None:
    spec = dict(SPEC)
    assert "default" not in spec["spec.autoscaling.gpuBudget"]
    assert spec["spec.autoscaling.behavior.scaleDown"]["default"] == {}
    assert spec["spec.autoscaling.periodSeconds"]["default"] == 15


def test_only_what_cannot_be_guessed_is_required() -> None:
    spec = root_schema()["properties"]["spec"]
    assert spec["required"] == ["model", "engine", "objectives", "prefill", "decode"]
