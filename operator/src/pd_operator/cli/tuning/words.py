"""What was tried and what is proposed, for a terminal or another program."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import yaml
from rich.console import Console
from rich.table import Table

from pd_operator.cli.tuning.candidates import AS_IT_IS, Candidate
from pd_operator.cli.tuning.trial import Trial, Tried, front
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.wording import duration


@dataclass(frozen=True)
class Tuning:
    """What a run of `kubectl pd tune` came to.

    - `trials`: all candidates on the earlier part of the load.
    - `chosen`: the cheapest of them that keeps the objectives there; None where none does.
    - `later`: the service as it is and the chosen one, on the later part.
    """

    objectives: Objectives
    trials: Sequence[Tried]
    chosen: Candidate | None
    later: Sequence[Tried]

    @property
    def proposal(self) -> Candidate | None:
        """The chosen settings, where they keep the objectives later too and cost less there."""
        if self.chosen is None or self.chosen is AS_IT_IS:
            return None
        (_, now), (candidate, trial) = self.later
        better = not now.keeps(self.objectives) or trial.gpu_hours < now.gpu_hours
        return candidate if trial.keeps(self.objectives) and better else None


def tell(tuning: Tuning, console: Console) -> None:
    """Print the front, the check on the later part, and the proposal."""
    now = next(trial for candidate, trial in tuning.trials if candidate is AS_IT_IS)
    rows = [*front(tuning.trials)]
    if all(candidate is not AS_IT_IS for candidate, _ in rows):
        rows.append((AS_IT_IS, now))
    console.print("Earlier part: settings that no other ones better in both cost and share.")
    console.print(_table(rows, tuning))
    if tuning.later:
        console.print("\nLater part, which nothing was chosen on.")
        console.print(_table(tuning.later, tuning))
    console.print(f"\n{verdict(tuning)}", soft_wrap=True)
    if tuning.proposal is not None:
        console.print(yaml.safe_dump(tuning.proposal.patch(), sort_keys=False), end="")


def verdict(tuning: Tuning) -> str:
    """One sentence on what to do."""
    if tuning.chosen is None:
        return (
            f"No settings keep {_promise(tuning.objectives)} on this load: see whether "
            "`kubectl pd plan` finds more workers or another size that do."
        )
    if tuning.chosen is AS_IT_IS:
        return "Nothing cheaper keeps the objectives: leave the settings as they are."
    (_, now), (_, trial) = tuning.later
    change = trial.gpu_hours / now.gpu_hours - 1
    costs = f"{abs(change):.0%} {'fewer' if change <= 0 else 'more'} GPU hours"
    if tuning.proposal is None:
        kept = "keeps" if trial.keeps(tuning.objectives) else "misses"
        return (
            f"Leave the settings as they are: {tuning.chosen.name} was chosen on the earlier part "
            f"and {kept} the objectives on the later one with {costs}."
        )
    return (
        f"Proposed: {tuning.chosen.name}. On the later part it keeps "
        f"{_promise(tuning.objectives)} with {costs} than the service as it is."
    )


def plain(tuning: Tuning) -> dict[str, object]:
    """The same for another program."""
    proposal = tuning.proposal
    return {
        "earlier": [_row(candidate, trial) for candidate, trial in tuning.trials],
        "front": [candidate.name for candidate, _ in front(tuning.trials)],
        "later": [_row(candidate, trial) for candidate, trial in tuning.later],
        "proposal": None if proposal is None else proposal.patch(),
        "verdict": verdict(tuning),
    }


def _row(candidate: Candidate, trial: Trial) -> dict[str, object]:
    return {"name": candidate.name, "settings": dict(candidate.settings), **asdict(trial)}


def _table(rows: Sequence[Tried], tuning: Tuning) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("settings", no_wrap=True)
    for heading in ("within both", "TTFT", "TPOT", "GPU hours", "objectives"):
        table.add_column(heading, justify="right", no_wrap=True)
    for candidate, trial in rows:
        table.add_row(
            candidate.name,
            *(f"{share:.2%}" for share in (trial.joint, trial.ttft, trial.tpot)),
            f"{trial.gpu_hours:,.1f}",
            "kept" if trial.keeps(tuning.objectives) else "missed",
        )
    return table


def _promise(objectives: Objectives) -> str:
    ttft, tpot = objectives.ttft, objectives.tpot
    return (
        f"TTFT P{ttft.percentile} {duration(ttft.seconds)} and "
        f"TPOT P{tpot.percentile} {duration(tpot.seconds)}"
    )
