from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_operator.api.v1alpha1 import PDInferenceService

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def service() -> Callable[..., PDInferenceService]:
    """The service of `golden/service.yaml`, with parts of its spec merged over."""

    def parse(**changes: dict[str, Any]) -> PDInferenceService:
        obj = yaml.safe_load((GOLDEN / "service.yaml").read_text(encoding="utf-8"))
        for section, fields in changes.items():
            obj["spec"].setdefault(section, {}).update(fields)
        return PDInferenceService.parse(obj)

    return parse
