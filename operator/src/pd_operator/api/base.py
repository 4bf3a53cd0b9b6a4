"""What all models of the API have in common."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict


class ApiModel(BaseModel):
    """An immutable piece of the resource: camelCase in Kubernetes, snake_case here.

    Unknown fields are refused, so a misspelled field is an error and never silently a default.
    Errors do not repeat what was given: it may be a secret.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def cel_rules(*rules: Mapping[str, str]) -> ConfigDict:
    """Model configuration that adds validation rules to the model's object in the CRD.

    A rule has the keys of an entry of `x-kubernetes-validations`; its `fieldPath` is the
    field that the apiserver names in the refusal.
    """
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": [dict(r) for r in rules]})


def list_type(kind: str, *keys: str) -> JsonDict:
    """How server-side apply merges a list: `atomic`, `set`, or `map` by its key fields."""
    extra: JsonDict = {"x-kubernetes-list-type": kind}
    if keys:
        extra["x-kubernetes-list-map-keys"] = list(keys)
    return extra


Image = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^\S+$")]
"""Reference of a container image."""
