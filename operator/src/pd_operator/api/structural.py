"""Turns a pydantic model into what Kubernetes calls a structural schema.

Kubernetes takes OpenAPI v3 without references, without unions with null and with defaults only
where they are complete. Titles go too: they repeat the field's name.
"""

from typing import Any, cast

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED_KEYS = frozenset({"title", "$defs"})


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, keys in camelCase, all references inlined."""
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Schema, definitions: Schema) -> Schema:
    schema = _inlined(_without_null(schema), definitions)
    result = {key: value for key, value in schema.items() if key not in _DROPPED_KEYS}
    if isinstance(result.get("additionalProperties"), bool):
        # Whether other fields may stand there: for the apiserver that is another keyword's to say.
        del result["additionalProperties"]
    if "properties" in result:
        result["properties"] = {
            name: _structural(cast(Schema, field), definitions)
            for name, field in result["properties"].items()
        }
    if "items" in result:
        result["items"] = _structural(result["items"], definitions)
    if result.get("type") == "object" and "default" in result:
        # The apiserver fills in the fields' own defaults: said once, where they belong.
        result["default"] = {}
    return result


def _inlined(schema: Schema, definitions: Schema) -> Schema:
    """The referenced definition; what stands beside the reference wins."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**definitions[name], **beside}


def _without_null(schema: Schema) -> Schema:
    """An optional field: in Kubernetes one that may be absent, not one that may be null."""
    if "anyOf" not in schema:
        return schema
    [present] = [option for option in schema["anyOf"] if option.get("type") != "null"]
    beside = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**present, **beside}
