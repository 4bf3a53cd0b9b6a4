"""The command `kubectl pd plan`."""

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pd_operator.api.router import PrefillPolicy
from pd_operator.cli.options import (
    Context,
    Namespace,
    Output,
    Prometheus,
    Report,
    TimeColumn,
    TimeUnitOption,
)
from pd_operator.cli.resources import fault
from pd_operator.cli.sizing.flags import LoadFlags, PlanFlags
from pd_operator.cli.sizing.manifest import manifest, plain
from pd_operator.cli.sizing.page import write_page
from pd_operator.cli.sizing.request import DEFAULT_PROMETHEUS, Method, PlanRequest, parse_changes
from pd_operator.cli.sizing.sources import from_flags, from_service
from pd_operator.cli.sizing.tables import print_plan, print_what_if
from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.traces.units import TimeOptions
from pd_operator.performance import ProfileError, bundled_profile_names
from pd_operator.planning.load import OUTPUT_CV, PROMPT_CV
from pd_operator.planning.plan import PlanningError
from pd_operator.planning.search import Sizing

_LOAD, _ENGINE, _ANSWER = "Load", "Objectives and means", "Answer"


class PlanOutput(StrEnum):
    """How the plan is printed; what other commands print, and a resource to apply."""

    TEXT = Output.TEXT.value
    JSON = Output.JSON.value
    YAML = "yaml"


def plan(  # noqa: PLR0913, PLR0917 - typer makes each parameter an option
    name: Annotated[
        str | None, typer.Argument(help="A PDInferenceService that is there; else give flags.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    rate: Annotated[
        float | None, typer.Option(help="Requests per second.", rich_help_panel=_LOAD)
    ] = None,
    isl: Annotated[
        float | None,
        typer.Option(help="Mean prompt tokens, without cached ones.", rich_help_panel=_LOAD),
    ] = None,
    osl: Annotated[
        float | None, typer.Option(help="Mean output tokens.", rich_help_panel=_LOAD)
    ] = None,
    isl_cv: Annotated[
        float,
        typer.Option(help="Deviation over mean of prompt lengths.", rich_help_panel=_LOAD),
    ] = PROMPT_CV,
    osl_cv: Annotated[
        float, typer.Option(help="Deviation over mean of outputs.", rich_help_panel=_LOAD)
    ] = OUTPUT_CV,
    arrival_scv: Annotated[
        float,
        typer.Option(
            help="Squared variation of the gaps between requests; 1 is Poisson, bursts have more.",
            rich_help_panel=_LOAD,
        ),
    ] = 1.0,
    trace: Annotated[
        Path | None,
        typer.Option(
            help="CSV, TSV or parquet with a row per request: arrival, prompt and output tokens. "
            "Lengths and variation are measured; --rate scales it.",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    time: TimeColumn = None,
    time_unit: TimeUnitOption = None,
    window: Annotated[
        float, typer.Option(help="Seconds of the trace's windows.", rich_help_panel=_LOAD)
    ] = 300.0,
    percent: Annotated[
        float, typer.Option(help="Percent of the windows to plan for.", rich_help_panel=_LOAD)
    ] = 95.0,
    prometheus: Prometheus = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="Performance profile: a bundled name, or a .json file.", rich_help_panel=_ENGINE
        ),
    ] = None,
    ttft: Annotated[
        float | None,
        typer.Option(help="Time to first token, milliseconds.", rich_help_panel=_ENGINE),
    ] = None,
    tpot: Annotated[
        float | None,
        typer.Option(help="Time per output token, milliseconds.", rich_help_panel=_ENGINE),
    ] = None,
    percentile: Annotated[
        int | None,
        typer.Option(
            help="Percent of requests within the objectives. Default 90.", rich_help_panel=_ENGINE
        ),
    ] = None,
    tp_prefill: Annotated[
        list[int] | None,
        typer.Option(
            help="Tensor-parallel sizes to consider; repeat. Default: all of the profile.",
            rich_help_panel=_ENGINE,
        ),
    ] = None,
    tp_decode: Annotated[
        list[int] | None, typer.Option(help="The same for decode.", rich_help_panel=_ENGINE)
    ] = None,
    same_tp: Annotated[
        bool | None,
        typer.Option(
            "--same-tp/--any-tp",
            help="One size for both pools, or any two: SGLang hands KV cache over between sizes "
            "reliably only for models with multi-head latent attention. Default: one, unless "
            "--tp-prefill and --tp-decode are both given.",
            rich_help_panel=_ENGINE,
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Most GPUs of both pools.", rich_help_panel=_ENGINE)
    ] = None,
    gpus_per_node: Annotated[
        int | None,
        typer.Option(help="A worker stays on one node. Default 8.", rich_help_panel=_ENGINE),
    ] = None,
    network: Annotated[
        float | None,
        typer.Option(help="Gigabits/s per GPU for KV cache. Default 200.", rich_help_panel=_ENGINE),
    ] = None,
    utilization: Annotated[
        int,
        typer.Option(help="Percent that prefill may be busy, at most.", rich_help_panel=_ENGINE),
    ] = 85,
    router: Annotated[
        PrefillPolicy | None,
        typer.Option(help="Its prefill policy. Default PowerOfTwo.", rich_help_panel=_ENGINE),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(
            help="How workers are reckoned; the default is ours, the others the literature's.",
            rich_help_panel=_ENGINE,
        ),
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            help="Plan again with changes, such as rate=x2 or ttft=500,budget=16; repeat. Names: "
            "rate, isl, osl, ttft, tpot, budget, tp, tp-prefill, tp-decode, router, method.",
            rich_help_panel=_ANSWER,
        ),
    ] = None,
    output: Annotated[
        PlanOutput,
        typer.Option(
            "--output",
            "-o",
            help="text, json, or yaml: a PDInferenceService to apply, in mode Advisory.",
            rich_help_panel=_ANSWER,
        ),
    ] = PlanOutput.TEXT,
    html: Report = None,
    spec_prometheus_url: Annotated[
        str | None,
        typer.Option(
            help="The yaml's spec.metrics.prometheusUrl: Prometheus as the operator reaches it. "
            f"Default: the service's, or {DEFAULT_PROMETHEUS}.",
            rich_help_panel=_ANSWER,
        ),
    ] = None,
    profiles: Annotated[
        bool, typer.Option("--profiles", help="List the bundled profiles.", rich_help_panel=_ANSWER)
    ] = False,
) -> None:
    """Say how many prefill and decode workers a load needs, and what latency to expect.

    The load is that of a service (NAME), of a trace, or given by three means:

      kubectl pd plan chat --what-if rate=x2

      kubectl pd plan --profile llama-3.1-70b-h100 --ttft 800 --tpot 25
        --rate 20 --isl 1155 --osl 211

      kubectl pd plan --profile qwen3-32b-h100 --ttft 1000 --tpot 40
        --trace requests.csv --budget 8 --html cost.html

      kubectl pd plan --profile ... -o yaml | kubectl apply -f -

    Prefill is sized by a queue: of all workers together where the router knows
    their load, of each by itself where it does not. Decode is sized by its batch:
    it must be small enough for the time per token and for the KV cache. "bound by"
    says what a worker less would break. Exit code 0: a plan; 1: bad input; 2: a
    plan that does not carry all of the load within both objectives.
    """
    if profiles:
        typer.echo("\n".join(bundled_profile_names()))
        return
    load = LoadFlags(
        rate=rate,
        prompt=isl,
        output=osl,
        prompt_cv=isl_cv,
        output_cv=osl_cv,
        arrival_scv=arrival_scv,
        trace=trace,
        times=TimeOptions(time, time_unit),
        window_seconds=window,
        percent=percent,
        prometheus=prometheus,
    )
    flags = PlanFlags(
        profile=profile,
        ttft_ms=ttft,
        tpot_ms=tpot,
        percentile=percentile,
        tp_prefill=tuple(tp_prefill or ()),
        tp_decode=tuple(tp_decode or ()),
        same_size=same_tp,
        budget=budget,
        gpus_per_node=gpus_per_node,
        gigabits_per_gpu=network,
        utilization_percent=utilization,
        router=router,
        method=method,
    )
    try:
        request = (
            from_flags(load, flags)
            if name is None
            else from_service(name, namespace, context, load, flags)
        )
        if spec_prometheus_url is not None:
            request = replace(request, prometheus_url=spec_prometheus_url)
        sizing = request.plan()
        _answer(request, sizing, output, what_if or [], name)
        if html is not None:
            write_page(html, request, sizing)
            typer.echo(f"Report: {html}", err=True)
    except (PlanningError, ProfileError, TraceError) as error:
        raise fault(str(error)) from error
    if not sizing.feasible:
        raise typer.Exit(2)


def _answer(
    request: PlanRequest,
    sizing: Sizing,
    output: PlanOutput,
    changes: list[str],
    name: str | None,
) -> None:
    """Print the answer."""
    asked = [(text, request.what_if(parse_changes(text))) for text in changes]
    others = [(text, other, other.plan()) for text, other in asked]
    if output is PlanOutput.YAML:
        typer.echo(manifest(request, sizing, name or request.profile.name), nl=False)
    elif output is PlanOutput.JSON:
        document = plain(request, sizing)
        if others:
            document["whatIf"] = [
                {"changes": text} | plain(other, answer) for text, other, answer in others
            ]
        typer.echo(json.dumps(_finite(document), indent=2))
    else:
        console = Console(highlight=False)
        print_plan(request, sizing, console)
        if others:
            console.print()
            print_what_if([("(as asked)", request, sizing), *others], console)


def _finite(value: object) -> object:
    """The same with null for what is infinite, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value == float("inf") else value
