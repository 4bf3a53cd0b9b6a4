"""Names that gave way to the field's own terms do not come back.

A row: what is gone, what it is called now, and where. Prose may use the words, names may not.
"""

import re

import pytest
from tests.unit.style.sources import ROOT, python

PRODUCT = "operator/src/pd_operator"
CODE = ("operator", "forecasting", "e2e", "scripts", "tests")
GONE = (
    ("step_seconds", "bin_seconds", ("demand", "telemetry", "controller", "cli/backtesting")),
    ("Sizer|Sizes|sizes_of|choose_sizes", "ParallelismChooser, TensorParallel", CODE),
    ("(prefill|decode)_sizes|sized_service", "prefill_tensor_parallel", CODE),
    (r"_?(FEWEST|LEAST|MOST)_(?!LOAD$)\w+", "MINIMUM_, MAXIMUM_", CODE),
    ("(prefill|decode)_(max|min)", "WorkerRange", ("planning", "scaling")),
    ("Teller|complain", "StatusWriter, publish_failure", (PRODUCT,)),
    ("Verdict|VERDICTS|said_of", "ConditionUpdate, CONDITION_EVALUATORS", (PRODUCT,)),
    ("Picture|Sight|Surroundings", "TickResult, LoopDependencies", (PRODUCT,)),
    ("LookAheads?|Past|Archive", "ServiceForecaster, PoolForecasts, HistoryReader", (PRODUCT,)),
    ("Actor", "PoolScaler", (PRODUCT,)),
    ("ChildKeeper", "ChildApplier", CODE),
    ("bell|ring|take_touch", "wake, poke, take_dirty", ("controller",)),
    ("Questions?|Conversation|LengthQuestion", "ServiceQueries, PrometheusSession", (PRODUCT,)),
    ("contest", "compare", ("cli",)),
    ("Place", "JsonCursor", ("performance",)),
    ("one_queue|own_queues|in_turn|lesser_of_two", "allen_cunneen and others", ("planning",)),
    ("TWO_CHOICES|IN_TURN|TwoChoices|InTurn", "POWER_OF_TWO, ROUND_ROBIN", CODE),
    ("speaker|loudest", "selected, largest_change", (PRODUCT,)),
    ("[Ll]edger|casualties|[Ss]teering|dice", "RequestLog, worker_failures", (PRODUCT,)),
    ("Standings|Track|Recorded", "ExpertLosses, HorizonEnsembles, SelfScoring", CODE),
    ("MASE|mase|.*_mase(_.*)?", "relative MAE", CODE),
    ("RatioError|InterpolationError", "RatioAccuracy, InterpolationAccuracy", CODE),
)
MOVED = {
    "controller": "faults schedule observing look_ahead past fitting engine_model calibrating "
    "acting picture verdicts report telling readings",
    "performance": "places remembered passes work errors",
    "planning": "errors bounds",
    "demand": "arrays",
    "planning/methods": "counts",
    "simulation": "ledger casualties steering",
    "cli/sizing": "question",
    "cli/simulating": "question contest",
    "telemetry": "questions",
    "actuation": "keeper workers",
    "actuation/children": "buckets disruption",
    "placement": "queueing",
}
"""Modules of the product that have other names now, or are folded into their neighbors."""


@pytest.mark.parametrize(("gone", "now", "where"), GONE, ids=[row[0] for row in GONE])
def test_a_name_that_gave_way_is_gone(gone: str, now: str, where: tuple[str, ...]) -> None:
    word = re.compile(gone)
    folders = [one if (ROOT / one).is_dir() else f"{PRODUCT}/{one}" for one in where]
    found = [
        f"{source.name}:{line}: {name}"
        for source in python(*folders)
        for line, name in source.names
        if word.fullmatch(name)
    ]
    assert not found, f"it is {now} now\n" + "\n".join(found)


@pytest.mark.parametrize("package", MOVED)
def test_a_module_that_moved_left_nothing_behind(package: str) -> None:
    left = [
        one for one in MOVED[package].split() if (ROOT / PRODUCT / package / f"{one}.py").exists()
    ]
    assert not left
