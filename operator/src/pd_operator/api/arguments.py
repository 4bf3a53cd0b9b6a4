"""Command line arguments a user may add to ours, and those that are refused, with the reason."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.config import JsonDict

ROLE_SWITCH_FLAG = "--enable-pd-role-switch"
"""SGLang knows it since 0.5.21; an older one does not start with it."""

ONE_CACHE_FLAGS = ("--disable-radix-cache", "--disaggregation-decode-enable-radix-cache")
"""With either, a server that began as a prefill survives work as a decode (SGLang 0.5.23)."""


@dataclass(frozen=True)
class Spellings:
    """The ways to write one or more flags, and abbreviations of them.

    argparse, which both programs use, takes `--tp` and `--tensor-par` for `--tensor-parallel-size`.
    """

    flags: tuple[str, ...]

    def found_in(self, args: Iterable[str]) -> str | None:
        """The first argument that is one of the flags, None where there is none."""
        return next((argument for argument in args if self._is_one(argument)), None)

    def among(self, args: str) -> str:
        """The same for the API server: CEL that is true where the list `args` has one of them."""
        flags = ", ".join(f"'{flag}'" for flag in self.flags)
        return (
            f"{args}.exists(argument, argument.startsWith('--') && "
            f"[{flags}].exists(flag, flag.startsWith(argument.split('=')[0])))"
        )

    def _is_one(self, argument: str) -> bool:
        flag = argument.split("=", maxsplit=1)[0]
        return argument.startswith("--") and any(each.startswith(flag) for each in self.flags)


@dataclass(frozen=True)
class RefusedFlags:
    """Flags that are refused; beside the flag `unless`, in the same list, they are welcome."""

    flags: tuple[str, ...]
    why: str
    unless: str = ""

    def found_in(self, args: Iterable[str]) -> str | None:
        """The first argument that is refused, None where there is none."""
        given = list(args)
        return None if self.unless in given else Spellings(self.flags).found_in(given)

    def rule(self) -> JsonDict:
        """The same for the API server, as an entry of `x-kubernetes-validations`."""
        excused = f"'{self.unless}' in self || " if self.unless else ""
        message = f"{', '.join(self.flags)} cannot be given: {self.why}"
        return {"rule": f"{excused}!{Spellings(self.flags).among('self')}", "message": message}


_FROM_OTHER_FIELDS = "they are set by the operator from other fields of the spec"

ENGINE_REFUSED = (
    RefusedFlags(
        (
            "--model-path",
            "--served-model-name",
            "--host",
            "--port",
            "--tp-size",
            "--tensor-parallel-size",
            "--disaggregation-mode",
            "--disaggregation-bootstrap-port",
            "--enable-metrics",
            "--bucket-time-to-first-token",
            "--bucket-inter-token-latency",
        ),
        _FROM_OTHER_FIELDS,
    ),
    RefusedFlags(
        (
            "--pp-size",
            "--pipeline-parallel-size",
            "--dwdp-size",
            "--nnodes",
            "--node-rank",
            "--dist-init-addr",
            "--nccl-init-addr",
            "--use-ray",
            "--max-ep-size",
            "--elastic-ep-join-mode",
        ),
        "a worker is one pod with tensorParallelSize GPUs of one node; more would be in neither "
        "its limits nor the budget",
    ),
    RefusedFlags(
        ("--base-gpu-id", "--gpu-id-step"),
        "the GPUs of a worker's pod are numbered from 0, and there are tensorParallelSize of them",
    ),
    RefusedFlags(
        ("--dp-size", "--data-parallel-size"),
        "each data-parallel rank takes tensorParallelSize GPUs more, unless --enable-dp-attention "
        "stands in the same list; for more ranks take more replicas, for ranks of attention "
        "within the worker's own GPUs --attn-dp-size",
        unless="--enable-dp-attention",
    ),
    RefusedFlags(
        ("--api-key",),
        "the operator reads the workers' /v1/loads without a key, so no load would be known and "
        "every drain would run to its deadline; let the router ask for the key (router.args), and "
        "keep others from the workers by a NetworkPolicy",
    ),
    RefusedFlags(
        ("--ssl-certfile", "--ssl-keyfile", "--smg-grpc-mode", "--grpc-mode"),
        "operator, router and probes speak HTTP without TLS with the workers, so no load would be "
        "known and no worker ready; encrypt between pods by a service mesh",
    ),
    RefusedFlags(("--config",), "the operator cannot see what a file sets"),
)
"""SGLang's flags; set by the user, the pods would contradict the spec, or the operator be blind."""

POOL_REFUSED = (
    *ENGINE_REFUSED,
    RefusedFlags(
        (
            "--page-size",
            "--kv-cache-dtype",
            "--dtype",
            "--disaggregation-transfer-backend",
            "--disaggregation-decode-allocation-policy",
        ),
        "prefill hands its KV cache to decode, so both pools must agree on it; give it in "
        "spec.engine.args",
    ),
)
"""What one pool cannot have to itself. Unequal pages or types are not noticed at start, but by the
decode at its first request, and it ends (SGLang 0.5.23)."""

ROUTER_REFUSED = (
    RefusedFlags(
        (
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
        ),
        _FROM_OTHER_FIELDS,
    ),
)
"""smg's flags that follow from other fields."""

_TWO_IN_ONE = r"^(--[^=\s]*\s|\s+--[a-z]|--\S*\s+--[a-z])"
"""A flag and its value, or two flags, as one argument: no program would know it as that."""

_TWO_IN_ONE_MESSAGE = "a flag and its value are two arguments, or one with = between them"


def _refuse(refused: tuple[RefusedFlags, ...], args: tuple[str, ...]) -> tuple[str, ...]:
    for argument in args:
        if re.match(_TWO_IN_ONE, argument):
            raise ValueError(f"{argument!r}: {_TWO_IN_ONE_MESSAGE}")
    for flags in refused:
        found = flags.found_in(args)
        if found is not None:
            raise ValueError(f"{found} cannot be given: {flags.why}")
    return args


def _refuse_for_engine(args: tuple[str, ...]) -> tuple[str, ...]:
    return _refuse(ENGINE_REFUSED, args)


def _refuse_for_pool(args: tuple[str, ...]) -> tuple[str, ...]:
    return _refuse(POOL_REFUSED, args)


def _refuse_for_router(args: tuple[str, ...]) -> tuple[str, ...]:
    return _refuse(ROUTER_REFUSED, args)


def _schema(refused: tuple[RefusedFlags, ...]) -> JsonDict:
    two_in_one = _TWO_IN_ONE.replace("\\", "\\\\")
    return {
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-validations": [
            {
                "rule": f"!self.exists(argument, argument.matches('{two_in_one}'))",
                "message": _TWO_IN_ONE_MESSAGE,
            },
            *(flags.rule() for flags in refused),
        ],
    }


_Argument = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_Arguments = Annotated[tuple[_Argument, ...], Field(max_length=64)]

EngineArguments = Annotated[
    _Arguments,
    AfterValidator(_refuse_for_engine),
    Field(json_schema_extra=_schema(ENGINE_REFUSED)),
]
"""Arguments appended to SGLang's command line in both pools."""

PoolArguments = Annotated[
    _Arguments,
    AfterValidator(_refuse_for_pool),
    Field(json_schema_extra=_schema(POOL_REFUSED)),
]
"""Arguments appended to SGLang's command line in one pool."""

RouterArguments = Annotated[
    _Arguments,
    AfterValidator(_refuse_for_router),
    Field(json_schema_extra=_schema(ROUTER_REFUSED)),
]
"""Arguments appended to the router's command line."""
