"""`docs/benchmarks/policies.md`: who attained what, for how many GPU hours, and how judged."""

from collections.abc import Sequence
from pathlib import Path

from scripts.bench_format import commit
from scripts.policy_lab.contestants import TARGET_ATTAINMENT
from scripts.policy_lab.plots import write_fronts
from scripts.policy_lab.scenarios import STARTUPS_SECONDS, scenarios
from scripts.policy_lab.table import Results, details, shares
from scripts.policy_lab.trial import Setting

_FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"

_LEARNED = Path(__file__).with_name("what_helped.md")
"""What was tried on the training loads, written by hand."""

_HEAD = """# Ways to size the pools, side by side

Written by `make bench-policies` with `--document` (commit {commit}); do not edit. A trial plays one
load through the [simulator](../simulator.md); a policy sizes the pools on what scrapes each five
seconds tell it, a second late, one in fifty failing. Every load is a test load: settings may be
sought on other days, periods and lengths (`--split train`). Workers take the start-up time given,
drain before they go, and cost their GPUs from the asking until they are gone.

- **share**: of all requests offered, those within both objectives, TTFT and TPOT.
- **GPU hours**: of both pools, starting, idle and draining included.
- **best-fixed**: the cheapest pools that stay as they are with a share of {target:.1%}, known in
  hindsight only; where none has, those that miss least.
- **clairvoyant**: knows every request beforehand and pays for start-ups. The cheapest of a family
  of timetables that attains {target:.1%} (`scripts/policy_lab/clairvoyant.py`): it can be had, and
  is not the least that is possible. Where none of the family attains it, the best there is.
- **pd-operator**: the API's defaults, objectives at their default percentile of 90.
- The others restate what was published, at usual settings, with mean lengths of the whole trial
  where a setting hangs on them; sources are in the docstrings of
  `pd_operator.simulation.policies`. None of their own code ran here. Settings were not sought for
  them, so these figures are no verdict on what they can be tuned to.

Run for this page: {run} of the {whole} settings of the short form.

![Share over GPU hours](policies.svg)

## Share within both objectives / GPU hours

"""

_DETAILS = """
## Details

Changes are counted in each pool. A reversal is a change against the pool's last one, less than ten
minutes ago.

"""


def write_document(results: Results, settings: Sequence[Setting], policies: Sequence[str]) -> Path:
    """Write the page and its picture; returns the page."""
    write_fronts(results, settings, policies, _FOLDER / "policies.svg")
    page = _FOLDER / "policies.md"
    head = _HEAD.format(
        commit=commit(),
        target=TARGET_ATTAINMENT,
        run=len(settings),
        whole=len(scenarios("test")) * len(STARTUPS_SECONDS),
    )
    overview = head + shares(results, settings, policies) + _LEARNED.read_text(encoding="utf-8")
    tables = _DETAILS + details(results, settings, policies)
    page.write_text(overview + tables, encoding="utf-8")
    return page
