"""Policies that size the pools, side by side on the same loads.

The short form, some minutes: each scenario at start-ups of 60 and 120 s, test days. Trials that
were run are kept in `build/bench/policies`, so a bench that is broken off goes on where it was.

    python -m scripts.bench_policies --policies pd-operator --scenarios nvidia-sine,bursts
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from scripts.bench_format import Figure, write
from scripts.policy_lab import store
from scripts.policy_lab.contestants import BEST_FIXED, CLAIRVOYANT, CONTESTANTS, OPERATOR, Judged
from scripts.policy_lab.report import write_document
from scripts.policy_lab.scenarios import STARTUPS_SECONDS, scenarios
from scripts.policy_lab.table import Results, details, shares
from scripts.policy_lab.trial import Setting

_TABLE = Path(__file__).parent.parent / "build" / "bench" / "policies" / "table.md"
_SINE = Setting("nvidia-sine", "test", 60)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="bench_policies", description=__doc__)
    parser.add_argument("--policies", default="", help="names, comma between; all")
    parser.add_argument("--scenarios", default="", help="names, comma between; all")
    parser.add_argument("--startups", default=",".join(map(str, STARTUPS_SECONDS)))
    parser.add_argument("--seeds", type=int, default=1, help="each setting with so many")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--known", action="store_true", help="run nothing: show what is known")
    parser.add_argument("--document", action="store_true", help="write docs/benchmarks/policies.md")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def settings(asked: argparse.Namespace) -> list[Setting]:
    """Where to try."""
    wanted = asked.scenarios.split(",") if asked.scenarios else None
    return [
        Setting(one.name, asked.split, int(startup), seed)
        for startup in asked.startups.split(",")
        for one in scenarios(asked.split)
        if wanted is None or one.name in wanted
        for seed in range(asked.seeds)
    ]


def say(line: str) -> None:
    """Show progress on the terminal."""
    print(line, flush=True)  # noqa: T201 - progress on the terminal


def tried(setting: Setting, policy: str) -> tuple[Judged, float]:
    """Try one, with the seconds it took."""
    begun = time.perf_counter()
    return CONTESTANTS[policy](setting), time.perf_counter() - begun


def run_all(
    wanted: Sequence[Setting], policies: Sequence[str], jobs: int
) -> dict[tuple[Setting, str], Judged]:
    """All trials; those that were run before are taken as they are."""
    known = store.saved()
    pairs = [(setting, policy) for setting in wanted for policy in policies]
    runs = list(dict.fromkeys(_run_for(*pair) for pair in pairs))
    found = {pair: known[pair] for pair in runs if pair in known}
    missing = [pair for pair in runs if pair not in known]
    say(f"{len(found)} trials are known, {len(missing)} are run")
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(tried, *pair): pair for pair in missing}
        for done, future in enumerate(as_completed(running), 1):
            setting, policy = running[future]
            judged, seconds = future.result()
            store.save(store.Row(setting, policy, judged))
            found[setting, policy] = judged
            say(
                f"[{done}/{len(missing)}] {setting.name} {setting.startup_seconds} s "
                f"seed {setting.seed} {policy}: {judged.score.attainment:.2%} "
                f"{judged.score.gpu_hours:.2f} GPU h ({seconds:.0f} s) {judged.note}"
            )
    return {pair: found[_run_for(*pair)] for pair in pairs}


def known(wanted: Sequence[Setting], policies: Sequence[str]) -> dict[tuple[Setting, str], Judged]:
    """Trials that were run before."""
    rows = store.saved()
    pairs = [(setting, policy) for setting in wanted for policy in policies]
    return {pair: rows[_run_for(*pair)] for pair in pairs if _run_for(*pair) in rows}


def _run_for(setting: Setting, policy: str) -> tuple[Setting, str]:
    """The trial that tells of this one: pools that never change know no start-up time."""
    if policy == BEST_FIXED:
        setting = replace(setting, startup_seconds=STARTUPS_SECONDS[0])
    return setting, policy


def figures(results: Results) -> Iterator[Figure]:
    """The operator's figures, by the names that the goals have."""
    for (setting, policy), judged in results.items():
        if policy != OPERATOR or setting.seed != 0:
            continue
        where = f"{setting.name}/{setting.startup_seconds}"
        score = judged.score
        yield Figure(f"attainment/{where}", score.attainment, "share", None, "higher")
        for name, other in (("clairvoyant", CLAIRVOYANT), ("best_static", BEST_FIXED)):
            beside = results.get((setting, other))
            if beside is not None:
                ratio = score.gpu_hours / beside.score.gpu_hours
                yield Figure(f"gpu_over_{name}/{where}", ratio, "ratio")
        yield Figure(f"reversals_per_day/{where}", score.reversals_per_day, "1/day")
        if setting == _SINE:
            yield Figure("nvidia_sine_share", score.attainment, "share", None, "higher")
            yield Figure("nvidia_sine_gpu_hours", score.gpu_hours, "h")


def main() -> int:
    """Run, print the table, write it and `build/bench/policies.json`; returns the exit status."""
    asked = arguments()
    wanted = settings(asked)
    policies = asked.policies.split(",") if asked.policies else list(CONTESTANTS)
    results = known(wanted, policies) if asked.known else run_all(wanted, policies, asked.jobs)
    table = f"{shares(results, wanted, policies)}\n{details(results, wanted, policies)}"
    _TABLE.parent.mkdir(parents=True, exist_ok=True)
    _TABLE.write_text(table, encoding="utf-8")
    status = write("policies", list(figures(results)))
    say(table)
    if asked.document:
        unknown = len(wanted) * len(policies) - len(results)
        if unknown:
            say(f"no page was written: {unknown} trials are not known. Run them: leave out --known")
            return 1
        say(f"written: {write_document(results, wanted, policies)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
