"""From plans to a decision: links in visible lists, each leaving a sentence.

Four things move a number before the chain sees it, and nothing else does:

- a forecaster that does not beat the last value does not speak; the last value does
  (`demand.forecast.FittedSeries.selected`);
- a schedule in force stretches the forecast by its factor and raises it to its floor
  (`demand.schedules.Scheduled.forecast`), and the present load too where there is no forecast
  (`PoolForecasts.expected_now`);
- a plan has no more workers of a pool than its `maxReplicas`, and then says that the objective is
  out of reach (`planning.planner.plan_service`); the link Bounds would cut without saying so;
- an engine's surfaces are corrected by what its counters have shown (`performance.calibration`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pd_operator.api.autoscaling import Mode, ScalingPolicy
from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import Decision, DecisionReason, Link, PoolDecision
from pd_operator.scaling.engine_trends import updated_trends
from pd_operator.scaling.guard import ReactiveGuard
from pd_operator.scaling.limits import Bounds, Budget, CapacityNotComing
from pd_operator.scaling.loans import BUDGET_SECONDS, Lending, lend
from pd_operator.scaling.memory import Change, Flip, Recommendation, ScalingMemory, Surprise
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.plans import SidePlans
from pd_operator.scaling.proposal import ChainLink, Proposal, Situation, Wanted
from pd_operator.scaling.rate_limits import RateLimits
from pd_operator.scaling.recommendations import (
    FallingLoad,
    ForecastPlan,
    HighForecast,
    HoldWhileUnknown,
    HoldWhileUnmeasured,
    PresentPlan,
    RisingLoad,
    RoomForAJump,
    ScheduledMinimum,
)
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.scaling.slopes import offered_lately
from pd_operator.scaling.stabilization import Stabilization
from pd_operator.scaling.surprises import HoldAfterSurprise, surprised

EXPECT: tuple[ChainLink, ...] = (
    ForecastPlan(),  # as many as the load to come needs
    HighForecast(),  # none removed that it may well need
    FallingLoad(),  # but no margin over a load that plainly falls
    RisingLoad(),  # more where the load rises as no history has it
    RoomForAJump(),  # and no lone worker that a jump of the load would drown
    ReactiveGuard(),  # more at once where queues show that the plans are wrong
    ScheduledMinimum(),  # and no fewer than a schedule asks for
    HoldWhileUnknown(),  # nothing removed while a load or a plan is unknown
    HoldWhileUnmeasured(),  # nor by a plan for an engine that was only guessed
)
"""What is expected to be needed. Their outcome is remembered for the stabilization windows."""

PRESENT: tuple[ChainLink, ...] = (
    PresentPlan(),  # none removed that the load of now needs, and added what it long has needed
)
"""What the moment calls for, asked anew on each tick."""

RESTRAIN: tuple[ChainLink, ...] = (
    HoldAfterSurprise(),  # nothing removed for a while after a load that nobody foresaw
    Stabilization(),  # only what was recommended for a whole window
    RateLimits(),  # and no faster than the policies allow
    CapacityNotComing(),  # no more while the cluster does not give those asked for
    Bounds(),  # minReplicas to maxReplicas
    Budget(),  # both pools together within gpuBudget
)
"""What holds it back. Bounds and budget come last: they are the user's word."""

LOANS = "Loans"
"""How the trace calls the last step, `scaling.loans`: it moves workers between the roles."""


NO_SIDE_PLANS = SidePlans()


def having_seen(memory: ScalingMemory, observation: Observation) -> ScalingMemory:
    """The memory with what the engines say of themselves; the same where it has that already."""
    engines = updated_trends(memory.engines, observation)
    prefill = [
        engines[worker.name] for worker in observation.prefill.workers if worker.name in engines
    ]
    offered = offered_lately(memory.offered, prefill, observation.time_seconds)
    return replace(memory, engines=engines, offered=offered)


def decide(
    observation: Observation,
    plan_ahead: Plan | Unknown,
    plan_now: Plan | Unknown,
    settings: ScalingSettings,
    memory: ScalingMemory,
    *,
    beside: SidePlans = NO_SIDE_PLANS,
    engine_measured: bool = True,
) -> tuple[Decision, ScalingMemory]:
    """Decide how many workers of each role there shall be.

    The same in every mode; whether it is carried out is the caller's care. The memory that comes
    back takes a change for carried out in mode Active only.
    """
    seen = having_seen(memory, observation)
    least = beside.least or plan_now
    short = replace(seen, short_since=_short_since(seen, observation, least))
    situation = Situation(
        observation,
        plan_ahead,
        plan_now,
        settings,
        _begun(short, observation, settings),
        engine_measured=engine_measured,
        beside=beside,
    )
    start = Proposal(
        *(
            Wanted(situation.current(role), DecisionReason.STEADY, "nothing calls for a change")
            for role in (Role.PREFILL, Role.DECODE)
        )
    )
    expected, why = _run(EXPECT, start, situation)
    recommended, why_now = _run(PRESENT, expected, situation)
    situation = replace(
        situation, memory=_remembering(expected, surprised(recommended, situation), situation)
    )
    restrained, why_not = _run(RESTRAIN, recommended, situation)
    lending = lend(restrained, recommended, situation)
    decision = _decision(lending, situation, (*why, *why_now, *why_not))
    return decision, _after(decision, situation)


def _run(
    links: Sequence[ChainLink], proposal: Proposal, situation: Situation
) -> tuple[Proposal, tuple[Link, ...]]:
    trace = []
    for link in links:
        proposal, sentence = link.apply(proposal, situation)
        trace.append(Link(link.name, proposal.prefill.workers, proposal.decode.workers, sentence))
    return proposal, tuple(trace)


def _begun(
    memory: ScalingMemory, observation: Observation, settings: ScalingSettings
) -> ScalingMemory:
    """A memory without a recent recommendation begins with the workers there are.

    Else the first thing that a new operator did, or one restarted after a long time, could be to
    remove workers without having waited for the scale-down window.
    """
    oldest = observation.time_seconds - settings.longest_window_seconds
    if any(item.time_seconds >= oldest for item in memory.recommendations):
        return memory
    present = Recommendation(
        observation.time_seconds, observation.prefill.current, observation.decode.current
    )
    return replace(memory, recommendations=(present,))


def _short_since(
    memory: ScalingMemory, observation: Observation, least: Plan | Unknown
) -> dict[Role, float]:
    """When the needs of the present load that are not met began; while it is unknown, no news."""
    if isinstance(least, Unknown):
        return dict(memory.short_since)
    now = observation.time_seconds
    return {
        role: memory.short_since.get(role, now)
        for role in Role
        if least.pool(role).workers > observation.pool(role).ready
    }


def _remembering(
    expected: Proposal, surprises: Mapping[Role, Surprise], situation: Situation
) -> ScalingMemory:
    newest = Recommendation(
        situation.now_seconds, expected.prefill.workers, expected.decode.workers
    )
    remembered = situation.memory.recommending(newest, situation.settings.longest_window_seconds)
    return replace(remembered, surprises=surprises)


def _decision(lending: Lending, situation: Situation, chain: tuple[Link, ...]) -> Decision:
    final, trace = lending.proposal, chain
    if lending.sentence:
        workers = (final.prefill.workers, final.decode.workers)
        trace = (*chain, Link(LOANS, *workers, lending.sentence))
    pools = {
        role: PoolDecision(
            role, situation.current(role), final.pool(role).workers, final.pool(role).reason
        )
        for role in Role
    }
    # The pool that changes most speaks for both; of equals, one that has something to say.
    largest_change = max(
        pools.values(), key=lambda pool: (abs(pool.delta), pool.reason is not DecisionReason.STEADY)
    )
    words = "; ".join(_outcome(pool, final.pool(role)) for role, pool in pools.items())
    return Decision(
        prefill=pools[Role.PREFILL],
        decode=pools[Role.DECODE],
        links=trace,
        reason=largest_change.reason,
        sentence=f"{words[:1].upper()}{words[1:]}.",
        holds=situation.unknown is not None,
        flips=lending.flips,
    )


def _outcome(pool: PoolDecision, wanted: Wanted) -> str:
    moved = (
        f"{pool.role} stays at {pool.current}"
        if pool.delta == 0
        else f"{pool.role} goes from {pool.current} to {pool.desired}"
    )
    return f"{moved}: {wanted.because.rstrip('.')}"


def _after(decision: Decision, situation: Situation) -> ScalingMemory:
    changes = tuple(
        Change(situation.now_seconds, role, decision.pool(role).delta)
        for role in Role
        if decision.pool(role).delta != 0 and situation.settings.mode is Mode.ACTIVE
    )
    behavior = situation.settings.behavior
    policies: tuple[ScalingPolicy, ...] = (
        *behavior.scale_up.policies,
        *behavior.scale_down.policies,
    )
    longest = max(policy.period_seconds for policy in policies)
    flips = tuple(
        Flip(situation.now_seconds, flip.role)
        for flip in decision.flips
        if situation.settings.mode is Mode.ACTIVE
    )
    return situation.memory.changing(changes, situation.now_seconds, longest).flipping(
        flips, situation.now_seconds, BUDGET_SECONDS
    )
