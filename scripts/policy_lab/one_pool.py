"""The share that one pool by itself lets miss its objective; quicker than both together."""

from collections.abc import Callable

from scripts.policy_lab.score import Score, score
from scripts.policy_lab.trial import Setting

from pd_operator.api.roles import Role
from pd_operator.simulation import Policy, Pools, Requests, simulate


def missed_by(
    setting: Setting,
    role: Role,
    policy: Callable[[Pools], Policy | None],
    begin: int | None = None,
) -> tuple[float, float]:
    """Share of requests that miss the objective of `role`, and the GPU hours of that pool.

    Prefill alone: answers of one token. Decode alone: prompts that are in the cache. The other pool
    stays as large as it may be; `policy` is made from its size.
    """
    scenario, most = setting.scenario, setting.scenario.most
    requests = setting.requests
    own = scenario.begin.of(role) if begin is None else begin
    if role is Role.PREFILL:
        alone = Requests.of(requests.arrival_seconds, requests.prompt_tokens, 1)
        pools = Pools(own, most.decode)
    else:
        alone = Requests.of(
            requests.arrival_seconds,
            requests.prompt_tokens,
            requests.output_tokens,
            requests.prompt_tokens - 1,
        )
        pools = Pools(most.prefill, own)
    result = simulate(
        alone,
        scenario.service(setting.startup_seconds),
        pools,
        seed=setting.seed,
        policy=policy(most),
    )
    judged: Score = score(alone, result, scenario.objectives)
    use = result.prefill if role is Role.PREFILL else result.decode
    return 1 - (judged.ttft if role is Role.PREFILL else judged.tpot), use.gpu_seconds / 3600
