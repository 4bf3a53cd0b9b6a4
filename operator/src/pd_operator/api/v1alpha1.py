"""The resource PDInferenceService, version v1alpha1, as one immutable value."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.alias_generators import to_camel

from pd_operator.api.autoscaling import Mode
from pd_operator.api.names import (
    ANNOTATION_PAUSED,
    ANNOTATION_PAUSED_BY,
    API_VERSION,
    KIND,
    ServiceKey,
)
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.api.status import PDInferenceServiceStatus


class Metadata(BaseModel):
    """The part of an object's metadata that is read here; the rest is the apiserver's."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    deletion_timestamp: str | None = None

    @property
    def pause(self) -> str | None:
        """Why the service is paused by its annotation, and by whom; None where it is not."""
        reason = self.annotations.get(ANNOTATION_PAUSED)
        if reason is None or reason.strip().lower() == "false":
            return None
        why = "" if reason.strip().lower() in ("", "true") else f": {reason}"
        who = self.annotations.get(ANNOTATION_PAUSED_BY)
        return f"paused by {who}{why}" if who else f"paused by annotation{why}"


class PDInferenceService(BaseModel):
    """A service as the apiserver hands it out. Errors do not repeat what it holds."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    api_version: Literal["serving.pd-operator.io/v1alpha1"] = API_VERSION
    kind: Literal["PDInferenceService"] = KIND
    metadata: Metadata
    spec: PDInferenceServiceSpec
    status: PDInferenceServiceStatus = PDInferenceServiceStatus()

    @field_validator("status", mode="wrap")
    @classmethod
    def _start_afresh_from_a_strange_status(
        cls, status: object, parse: ValidatorFunctionWrapHandler
    ) -> PDInferenceServiceStatus:
        """A status that another version wrote is no reason not to serve: it is written anew."""
        try:
            return PDInferenceServiceStatus.model_validate(parse(status))
        except ValidationError:
            return PDInferenceServiceStatus()

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Self:
        """The service in a Kubernetes object; `pydantic.ValidationError` names what is wrong."""
        return cls.model_validate(obj)

    @property
    def key(self) -> ServiceKey:
        """Where the service is in the cluster."""
        return ServiceKey(self.metadata.namespace, self.metadata.name)

    @property
    def being_deleted(self) -> bool:
        """Whether the service has been deleted and waits for its children to go."""
        return self.metadata.deletion_timestamp is not None

    def with_pause(self) -> Self:
        """The service as it is to be run: in mode Paused where its annotation says so."""
        if self.metadata.pause is None:
            return self
        autoscaling = self.spec.autoscaling.model_copy(update={"mode": Mode.PAUSED})
        spec = self.spec.model_copy(update={"autoscaling": autoscaling})
        return self.model_copy(update={"spec": spec})

    def with_prometheus(self, url: str) -> Self:
        """The service with the operator's own Prometheus, where it names none and there is one."""
        if self.spec.metrics.prometheus_url is not None or not url:
            return self
        metrics = self.spec.metrics.model_copy(update={"prometheus_url": url})
        return self.model_copy(update={"spec": self.spec.model_copy(update={"metrics": metrics})})

    def with_tensor_parallel(self) -> Self:
        """The service with the sizes that `parallelism: Auto` has chosen, where it has.

        `ValueError` where they do not fit the rest of the spec any more.
        """
        chosen = self.status.parallelism
        if self.spec.parallelism is Parallelism.MANUAL or chosen is None:
            return self
        spec = self.spec.with_tensor_parallel(
            chosen.prefill_tensor_parallel_size, chosen.decode_tensor_parallel_size
        )
        return self.model_copy(update={"spec": spec})

    def reference(self) -> dict[str, str]:
        """The object as an Event's `involvedObject` names it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.metadata.namespace,
            "name": self.metadata.name,
            "uid": self.metadata.uid,
        }
