"""The command `kubectl pd plan`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pd_operator.api.router import PrefillPolicy
from pd_operator.cli.options import Context, Namespace
from pd_operator.cli.resources import fault
from pd_operator.cli.sizing.drawing import drawing, page
from pd_operator.cli.sizing.flags import LoadFlags, PlanFlags
from pd_operator.cli.sizing.frontier import frontiers
from pd_operator.cli.sizing.manifest import DEFAULT_PROMETHEUS, manifest, plain
from pd_operator.cli.sizing.request import Method, PlanRequest, parse_changes
from pd_operator.cli.sizing.sources import from_flags, from_service
from pd_operator.cli.sizing.tables import print_plan, print_what_if
from pd_operator.performance import ProfileError, bundled_profile_names
from pd_operator.planning.errors import PlanningError
from pd_operator.planning.load import OUTPUT_CV, PROMPT_CV

_LOAD, _ENGINE, _ANSWER = "Load", "Objectives and means", "Answer"


class PlanOutput(StrEnum):
    """How the plan is printed."""

    TABLE = "table"
    JSON = "json"
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
            help="CSV or parquet with a row per request: arrival, prompt and output tokens. "
            "Lengths and variation are measured; --rate scales it.",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    window: Annotated[
        float, typer.Option(help="Seconds of the trace's windows.", rich_help_panel=_LOAD)
    ] = 300.0,
    percent: Annotated[
        float, typer.Option(help="Percent of the windows to plan for.", rich_help_panel=_LOAD)
    ] = 95.0,
    prometheus: Annotated[
        str | None,
        typer.Option(
            help="Read the service's load from this Prometheus, with its distributions, instead "
            "of the means in its status.",
            rich_help_panel=_LOAD,
        ),
    ] = None,
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
        bool, typer.Option("--same-tp", help="One size for both.", rich_help_panel=_ENGINE)
    ] = False,
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
    frontier: Annotated[
        Path | None,
        typer.Option(
            help="Draw GPUs against each objective into this .svg or .html.",
            rich_help_panel=_ANSWER,
        ),
    ] = None,
    output: Annotated[
        PlanOutput,
        typer.Option(
            "--output",
            "-o",
            help="table, json, or yaml: a PDInferenceService to apply.",
            rich_help_panel=_ANSWER,
        ),
    ] = PlanOutput.TABLE,
    prometheus_url: Annotated[
        str, typer.Option(help="Put into the yaml.", rich_help_panel=_ANSWER)
    ] = DEFAULT_PROMETHEUS,
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
        --trace requests.csv --budget 8 --frontier cost.html

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
        rate, isl, osl, isl_cv, osl_cv, arrival_scv, trace, window, percent, prometheus
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
        feasible = _answer(request, output, what_if or [], name, prometheus_url)
        if frontier is not None:
            _draw(request, frontier)
    except (PlanningError, ProfileError) as error:
        raise fault(str(error)) from error
    if not feasible:
        raise typer.Exit(2)


def _answer(
    request: PlanRequest, output: PlanOutput, changes: list[str], name: str | None, url: str
) -> bool:
    """Print the answer; whether all of the load is carried within both objectives."""
    sizing = request.plan()
    asked = [(text, request.what_if(parse_changes(text))) for text in changes]
    others = [(text, other, other.plan()) for text, other in asked]
    if output is PlanOutput.YAML:
        typer.echo(manifest(request, sizing, name or request.profile.name, url), nl=False)
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
    return sizing.feasible


def _finite(value: object) -> object:
    """The same with null for what is infinite, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value == float("inf") else value


def _draw(request: PlanRequest, path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".html"):
        raise PlanningError(f"--frontier draws .svg or .html, not {path.name!r}")
    lines = frontiers(request)
    text = drawing(request, lines) if suffix == ".svg" else page(request, lines)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlanningError(f"cannot write {str(path)!r}: {error.strerror}") from None
