"""Command line arguments a user may add to ours, and those that stay the operator's."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.config import JsonDict

ENGINE_OWNED_FLAGS = (
    "--model-path",
    "--model",
    "--served-model-name",
    "--host",
    "--port",
    "--tp-size",
    "--tp",
    "--tensor-parallel-size",
    "--disaggregation-mode",
    "--disaggregation-bootstrap-port",
    "--enable-metrics",
    "--bucket-time-to-first-token",
    "--bucket-inter-token-latency",
)
"""SGLang's flags that follow from other fields; set twice, the pods would contradict the spec."""

ROUTER_OWNED_FLAGS = (
    "--host",
    "--port",
    "--prometheus-host",
    "--prometheus-port",
    "--pd-disaggregation",
    "--service-discovery",
    "--discovery-provider",
    "--discovery-file",
    "--prefill-policy",
    "--decode-policy",
)
"""smg's flags that follow from other fields."""


def _refuse(flags: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
    for argument in args:
        if argument.split("=")[0] in flags:
            raise ValueError(f"{argument} is set by the operator from other fields of the spec")
    return args


def _refuse_engine_owned(args: tuple[str, ...]) -> tuple[str, ...]:
    return _refuse(ENGINE_OWNED_FLAGS, args)


def _refuse_router_owned(args: tuple[str, ...]) -> tuple[str, ...]:
    return _refuse(ROUTER_OWNED_FLAGS, args)


def _schema(flags: tuple[str, ...]) -> JsonDict:
    owned = ", ".join(f"'{flag}'" for flag in flags)
    return {
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-validations": [
            {
                "rule": f"!self.exists(argument, argument.split('=')[0] in [{owned}])",
                "message": "these flags are set by the operator from other fields of the spec: "
                + ", ".join(flags),
            }
        ],
    }


_Argument = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_Arguments = Annotated[tuple[_Argument, ...], Field(max_length=64)]

EngineArguments = Annotated[
    _Arguments,
    AfterValidator(_refuse_engine_owned),
    Field(json_schema_extra=_schema(ENGINE_OWNED_FLAGS)),
]
"""Arguments appended to SGLang's command line."""

RouterArguments = Annotated[
    _Arguments,
    AfterValidator(_refuse_router_owned),
    Field(json_schema_extra=_schema(ROUTER_OWNED_FLAGS)),
]
"""Arguments appended to the router's command line."""
