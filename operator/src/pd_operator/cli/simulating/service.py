"""The service that a simulation is about: one of the cluster, or a file's."""

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.resources import fault, read_service
from pd_operator.planning.plan import PlanningError

_KIND = "PDInferenceService"


@dataclass(frozen=True)
class Which:
    """Which service is asked about: by its name, or by the file that holds it."""

    name: str | None
    file: Path | None
    namespace: str | None = None
    context: str | None = None

    def service(self) -> PDInferenceService:
        """The service as it is applied, or as the file has it.

        Ends with a sentence where neither or both are named, `PlanningError` where the file holds
        none.
        """
        if self.name is not None and self.file is None:
            return read_service(self.name, self.namespace, self.context)
        if self.name is None and self.file is not None:
            return read_manifest(self.file)
        raise fault("say which service: the name of a PDInferenceService, or --file PATH")


def read_manifest(path: Path) -> PDInferenceService:
    """The PDInferenceService in a file of YAML; `PlanningError` says why there is none."""
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PlanningError(f"cannot read {str(path)!r}: {error}") from None
    found = [one for one in documents if isinstance(one, dict) and one.get("kind") == _KIND]
    if len(found) != 1:
        raise PlanningError(f"{path.name} holds {len(found)} {_KIND}s; expected one")
    try:
        return PDInferenceService.parse(found[0])
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise PlanningError(f"{path.name}: {faults}") from None
