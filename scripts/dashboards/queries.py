"""PromQL of the dashboards, for the one service that the variables choose.

The operator's series are aggregated with `max`, so that an operator pod that was replaced, and
whose series Prometheus still remembers for a moment, does not count twice.
"""

CLUSTER = 'cluster=~"$cluster"'
"""All clusters are `.*`, which series without the label match, too."""

OPERATOR = f'{CLUSTER}, namespace="$namespace", service="$service"'
ENGINES = f'{CLUSTER}, namespace="$namespace", pd_service="$service"'
DECODE = f'{ENGINES}, pd_role="decode"'
REQUEST_PATHS = "/v1/chat/completions|/v1/completions|/generate"

ATTAINMENT = f"max by (objective) (pd_operator_slo_attainment_ratio{{{OPERATOR}}})"
TARGET = f"max by (objective) (pd_operator_slo_target_ratio{{{OPERATOR}}})"
DEMAND = f"max(pd_operator_demand_requests_per_second{{{OPERATOR}}})"


def operator(metric: str, by: str = "", **labels: str) -> str:
    """The operator's own metric of the chosen service; a label's value may start with !~ or !=."""
    chosen = "".join(f", {name}{_match(value)}" for name, value in labels.items())
    return f"max{f' by ({by}) ' if by else ''}(pd_operator_{metric}{{{OPERATOR}{chosen}}})"


def forecast(metric: str, role: str, percentile: str) -> str:
    """A forecast at the time that it is about: what was said one lead time before.

    The lead time is the pool's own, as the variable of the dashboard has it.
    """
    chosen = f'role="{role}", percentile{_match(percentile)}'
    said = f"pd_operator_{metric}{{{OPERATOR}, {chosen}}}"
    return f"max({said} offset ${{{lead_variable(role)}}}s)"


def lead_variable(role: str) -> str:
    """Name of the variable that holds a pool's lead time in seconds."""
    return f"lead_{role}"


def lead_time(role: str) -> str:
    """A pool's newest lead time, 0 where none is known."""
    known = operator("forecast_horizon_seconds", role=role)
    return f"last_over_time(({known} >= 0)[6h:1m]) or vector(0)"


def attainment(objective: str) -> str:
    """Share of the requests that met one objective; no series while it is unknown (NaN)."""
    return operator("slo_attainment_ratio", objective=objective) + " >= 0"


def both_at_least() -> str:
    """The least share that met both: the lower Fréchet bound of two separate shares."""
    ttft, tpot = (operator("slo_attainment_ratio", objective=each) for each in ("ttft", "tpot"))
    return f"clamp_min({ttft} + {tpot} - 1, 0)"


def burn_rate(window: str) -> str:
    """How many times too fast the error budget is spent: share missed / share allowed.

    The operator's attainment covers its own short window, so it is weighted with the request rate.
    """
    misses = f"(1 - ({ATTAINMENT} >= 0)) * on () group_left () ({DEMAND} >= 0)"
    requests = f"({ATTAINMENT} >= bool 0) * on () group_left () ({DEMAND} >= 0)"
    missed = (
        f"sum_over_time(({misses})[{window}:1m]) / (sum_over_time(({requests})[{window}:1m]) > 0)"
    )
    return f"({missed}) / (1 - {TARGET})"


def budget_remaining(window: str) -> str:
    """1 - (1 - attainment over the window) / (1 - target): 1 is untouched, below 0 is overspent."""
    return f"1 - {burn_rate(window)}"


def pool_ratio(state: str) -> str:
    """Prefill workers per decode worker in one state."""
    prefill, decode = (
        operator("workers", role=role, state=state) for role in ("prefill", "decode")
    )
    return f"{prefill} / ({decode} > 0)"


def percentile(share: float, histogram: str) -> str:
    """A percentile over all decode workers; only streams carry a true time to first token."""
    buckets = f'{histogram}_bucket{{{DECODE}, is_streaming="true"}}'
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[$__rate_interval])))"


def tick_percentile(share: float) -> str:
    """A percentile of the operator's tick seconds, over all services."""
    buckets = f"pd_operator_tick_duration_seconds_bucket{{{CLUSTER}}}"
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[$__rate_interval])))"


def lag_percentile(share: float) -> str:
    """A percentile of the seconds from when a tick was due to its end, over all services."""
    buckets = f"pd_operator_tick_lag_seconds_bucket{{{CLUSTER}}}"
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[$__rate_interval])))"


def step_percentile(share: float) -> str:
    """A percentile of the seconds that each step of a tick took, over all services."""
    buckets = f"pd_operator_tick_step_duration_seconds_bucket{{{CLUSTER}}}"
    return f"histogram_quantile({share}, sum by (le, step) (rate({buckets}[$__rate_interval])))"


def answers_by_status() -> str:
    """Answers a second that the router gave to requests for tokens."""
    chosen = f'{ENGINES}, path=~"{REQUEST_PATHS}"'
    return f"sum by (status_code) (rate(smg_http_responses_total{{{chosen}}}[$__rate_interval]))"


def counted(metric: str, by: str) -> str:
    """How often the operator counted something within a step of the graph."""
    return f"sum by ({by}) (increase(pd_operator_{metric}{{{OPERATOR}}}[$__rate_interval]))"


def conditions() -> str:
    """1 for True, 0.5 for Unknown, 0 for False, of every condition."""
    true, unknown = (operator("condition", by="type", status=each) for each in ("True", "Unknown"))
    return f"{true} + 0.5 * {unknown}"


def scale_events() -> str:
    """Where the wanted workers of a pool changed."""
    wanted = f'pd_operator_workers{{{OPERATOR}, state="wanted"}}'
    return f"max by (role) (changes({wanted}[1m])) > 0"


def fleet(metric: str, how: str = "max", **labels: str) -> str:
    """The operator's own metric of each service of the chosen clusters."""
    chosen = "".join(f", {name}{_match(value)}" for name, value in labels.items())
    return f"{how} by (cluster, namespace, service) (pd_operator_{metric}{{{CLUSTER}{chosen}}})"


def fleet_attainment() -> str:
    """The worse of both objectives' shares; no series while they are unknown."""
    return f"{fleet('slo_attainment_ratio', 'min')} >= 0"


def fleet_budget_left() -> str:
    """Of the misses that the time range allows, the share not yet spent, of the worse objective."""
    attained = f"pd_operator_slo_attainment_ratio{{{CLUSTER}}}"
    by = "by (cluster, namespace, service, objective)"
    missed = f"1 - avg_over_time((max {by} ({attained}) >= 0)[$__range:1m])"
    allowed = f"1 - max {by} (pd_operator_slo_target_ratio{{{CLUSTER}}})"
    return f"min by (cluster, namespace, service) (1 - ({missed}) / ({allowed}))"


def fleet_gpus_saved() -> str:
    """Share of the GPU time that a service fixed at the time range's peak would have held."""
    held = fleet("gpus")
    return f"1 - avg_over_time(({held})[$__range:1m]) / max_over_time(({held})[$__range:1m])"


def of_all(metric: str, how: str = "sum", by: str = "") -> str:
    """A gauge of the operator's processes over all of them."""
    return f"{how}{f' by ({by}) ' if by else ''}({metric}{{{CLUSTER}}})"


def of_operator_pods(metric: str) -> str:
    """A metric that every process has, of the operator's pods alone."""
    return f"{metric}{{{CLUSTER}}} and on (instance) pd_operator_leader{{{CLUSTER}}}"


def ticks_by_result() -> str:
    """Ticks a second of all services, by how they ended."""
    return f"sum by (result) (rate(pd_operator_ticks_total{{{CLUSTER}}}[$__rate_interval]))"


def _match(value: str) -> str:
    for sign in ("!~", "!="):
        if value.startswith(sign):
            return f'{sign}"{value.removeprefix(sign)}"'
    return f'="{value}"'
