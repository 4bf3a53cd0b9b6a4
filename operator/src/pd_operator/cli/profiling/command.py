"""The commands `kubectl pd profile measure | import | compute | show`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pd_operator.api.roles import Role
from pd_operator.cli.options import Context, Namespace
from pd_operator.cli.profiling.measuring import Campaign, Outcome, facts_of, run_campaign
from pd_operator.cli.profiling.table import print_profile
from pd_operator.cli.profiling.workers import Workers, ready_workers
from pd_operator.cli.resources import fault
from pd_operator.performance import (
    PerformanceProfile,
    ProfileError,
    bundled_profile_names,
    load_bundled,
    parse_profile,
)
from pd_operator.performance.aiconfigurator import Order, compute_profile
from pd_operator.performance.benchmarks import Measured, read_results
from pd_operator.performance.campaign import Extent, Probe
from pd_operator.performance.points import ProfileFacts, profile_document

app = typer.Typer(
    help="Makes and shows performance profiles, which say what one worker can do.",
    no_args_is_help=True,
    add_completion=False,
)

SavedTo = Annotated[
    Path, typer.Option("--save", help="Where the profile goes, as JSON.", dir_okay=False)
]
Gpu = Annotated[str, typer.Option(help="What the GPUs are called, such as h100_sxm.")]
KvBytes = Annotated[
    int | None,
    typer.Option(min=1, help="Bytes of KV cache of one token, all ranks together."),
]


@app.command()
def measure(  # noqa: PLR0913, PLR0917 - typer makes each parameter an option
    name: Annotated[
        str | None, typer.Argument(help="The PDInferenceService; else give the two URLs.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    prefill_url: Annotated[
        str | None,
        typer.Option(help="A prefill worker, such as one forwarded by kubectl port-forward."),
    ] = None,
    decode_url: Annotated[str | None, typer.Option(help="A decode worker, likewise.")] = None,
    gpu: Gpu = "unknown",
    save: SavedTo = Path("profile.json"),
    seconds: Annotated[float, typer.Option(min=1, help="End after so long.")] = 600.0,
    longest_prompt: Annotated[int, typer.Option(min=256, help="In tokens.")] = 8192,
    max_sequences: Annotated[
        int, typer.Option(min=2, help="Never more requests at once than this.")
    ] = 64,
    kv_bytes_per_token: KvBytes = None,
) -> None:
    """Measure a live service's engines, each role alone, into a profile.

    Sends them prompts of ordinary words, no longer than their model takes: one
    at a time to a prefill worker, up to --max-sequences at once to a decode
    worker, and reads their own counters. Waits while other requests queue.
    What was measured is kept beside the profile; run it again to go on where
    it ended.
    """
    workers = _workers(name, namespace, context, prefill_url, decode_url)
    kept = save.with_suffix(".points")
    campaign = Campaign(workers.urls, kept, Extent(longest_prompt, max_sequences), seconds)
    try:
        outcome = asyncio.run(_measured(campaign))
        facts = asyncio.run(
            facts_of(
                workers.urls[Role.DECODE],
                gpu=gpu,
                kv_bytes_per_token=kv_bytes_per_token,
                startup_seconds=workers.startup_seconds,
            )
        )
        for probe in outcome.left:
            typer.echo(f"not measured: {probe}; run again to go on", err=True)
        _write(profile_document(facts, outcome.prefill, outcome.decode), save)
    except ProfileError as error:
        raise fault(str(error)) from error


@app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="JSONL of sglang.benchmark.serving or one_batch_server, aiperf's "
            "profile_export_aiperf.json, inference-perf's stage_N_lifecycle_metrics.json."
        ),
    ],
    model: Annotated[str, typer.Option(help="The model that was measured.")],
    kv_bytes_per_token: Annotated[
        int, typer.Option(min=1, help="Bytes of KV cache of one token, all ranks together.")
    ],
    gpu: Gpu = "unknown",
    tensor_parallel_size: Annotated[int, typer.Option(min=1, help="GPUs of one worker.")] = 1,
    kv_tokens: Annotated[
        int | None, typer.Option(min=1, help="KV capacity; default: what the results tell.")
    ] = None,
    startup_seconds: Annotated[int | None, typer.Option(min=1, help="Of one worker.")] = None,
    save: SavedTo = Path("profile.json"),
) -> None:
    """Make a profile of the results of benchmarks: SGLang's own, aiperf's, inference-perf's.

    One file for each prompt length, and for each batch and context, or several
    lines of one. A run whose requests made one token each measures prefill.
    """
    try:
        measured = Measured()
        for file in files:
            measured = measured.joined(read_results(_read(file), str(file)))
        room = kv_tokens or measured.kv_tokens
        if room is None:
            raise fault("the results do not tell the KV capacity; give --kv-tokens")
        facts = ProfileFacts(
            model=model,
            gpu=gpu,
            engine="sglang",
            engine_version=measured.engine_version or "unknown",
            origin=f"imported from {', '.join(file.name for file in files)}",
            kv_bytes_per_token=kv_bytes_per_token,
            kv_tokens=room,
            tensor_parallel_size=tensor_parallel_size,
            startup_seconds=startup_seconds,
        )
        _write(profile_document(facts, measured.prefill, measured.decode), save)
    except ProfileError as error:
        raise fault(str(error)) from error


@app.command()
def compute(
    model: Annotated[str, typer.Argument(help="As aiconfigurator calls it, or a folder.")],
    gpu: Annotated[str, typer.Argument(help="As aiconfigurator calls it: h100_sxm, h200_sxm...")],
    tensor_parallel_size: Annotated[
        list[int], typer.Option("--tp", min=1, help="GPUs of one worker; repeat for several.")
    ],
    expert_parallel: Annotated[
        bool, typer.Option("--expert-parallel", help="Spread experts over all GPUs of a worker.")
    ] = False,
    kv_dtype: Annotated[
        str | None, typer.Option(help="bfloat16 for DeepSeek on H100 and H200.")
    ] = None,
    kv_bytes_per_token: KvBytes = None,
    save: SavedTo = Path("profile.json"),
) -> None:
    """Compute a profile with aiconfigurator-core, which is an extra to install."""
    order = Order(
        model, gpu, tuple(tensor_parallel_size), expert_parallel, kv_dtype, kv_bytes_per_token
    )
    try:
        _write(compute_profile(order), save)
    except ProfileError as error:
        raise fault(str(error)) from error


@app.command()
def show(
    profile: Annotated[str, typer.Argument(help="A bundled name, or a .json file.")],
) -> None:
    """Check a profile, and print what it says."""
    try:
        print_profile(_load(profile), Console())
    except ProfileError as error:
        raise fault(str(error)) from error


def _load(name: str) -> PerformanceProfile:
    if name in bundled_profile_names() or not name.endswith(".json"):
        return load_bundled(name)
    return parse_profile(_read(Path(name)), name)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fault(f"cannot read {file}: {error}") from error


def _workers(
    name: str | None,
    namespace: str | None,
    context: str | None,
    prefill_url: str | None,
    decode_url: str | None,
) -> Workers:
    if prefill_url and decode_url:
        urls = {Role.PREFILL: prefill_url, Role.DECODE: decode_url}
        return Workers({role: url.rstrip("/") for role, url in urls.items()})
    if name is None:
        raise fault("give the name of a service, or both --prefill-url and --decode-url")
    return ready_workers(name, namespace, context)


async def _measured(campaign: Campaign) -> Outcome:
    columns = (
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("looking", total=None)

        def progress(probe: Probe, number: int, count: int) -> None:
            bar.update(task, description=str(probe), completed=number, total=count)

        return await run_campaign(campaign, progress)


def _write(document: dict[str, object], saved_to: Path) -> None:
    """Write a profile that was read back without complaint."""
    text = json.dumps(document, indent=1)
    profile = parse_profile(text, saved_to.stem)
    try:
        saved_to.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise fault(f"cannot write {saved_to}: {error}") from error
    print_profile(profile, Console(stderr=True))
    typer.echo(f"Written to {saved_to}. In the cluster:", err=True)
    typer.echo(
        f"  kubectl create configmap {saved_to.stem} --from-file=profile.json={saved_to}", err=True
    )
