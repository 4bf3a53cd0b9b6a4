"""A service whose spec is changed here and there: what `--what-if` and `kubectl pd tune` ask of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.planning.plan import PlanningError


@dataclass(frozen=True)
class WhatIf:
    """A spec under the name by which it is told from others."""

    name: str
    spec: PDInferenceServiceSpec


def what_if(spec: PDInferenceServiceSpec, text: str) -> WhatIf:
    """The spec with the fields of `text` changed, such as `prefill.maxReplicas=4,mode=...`.

    `PlanningError` names what is no field, no value or not allowed.
    """
    return WhatIf(text, changed(spec, dict(_assignments(text))))


def changed(spec: PDInferenceServiceSpec, changes: Mapping[str, object]) -> PDInferenceServiceSpec:
    """The spec with the values at the dotted paths of `changes`; None takes a field away."""
    fields = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for path, value in changes.items():
        *parents, last = path.removeprefix("spec.").split(".")
        inner = fields
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise PlanningError(f"{path}: {parent} holds no fields")
        inner[last] = value
    try:
        return PDInferenceServiceSpec.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'spec'}: {one['msg']}" for one in error.errors()
        )
        raise PlanningError(f"what if {', '.join(changes)}: {faults}") from None


def _assignments(text: str) -> Iterable[tuple[str, object]]:
    for assignment in text.split(","):
        path, equals, value = assignment.partition("=")
        if not equals or not path.strip():
            raise PlanningError(
                f"--what-if takes FIELD=VALUE, such as prefill.maxReplicas=4, not {assignment!r}"
            )
        yield path.strip(), yaml.safe_load(value)
