"""The pod template a user may merge over the operator's own."""

from typing import Annotated, Any

from pydantic import Field

PodTemplateOverlay = Annotated[
    dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]
"""A partial pod template. Not spelled out in the CRD: the apiserver checks the merged result."""
