"""The dashboard "SLO attainment": does a service meet its objectives, and what is done for it."""

from grafana_foundation_sdk.builders import common, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from scripts.dashboards import boards as b
from scripts.dashboards import panels as p
from scripts.dashboards import queries as q

UID = "pd-operator-slo-attainment"
WORKER_STATES = ("wanted", "current", "ready", "starting", "draining", "flipped")


def build() -> models.Dashboard:
    """The whole dashboard."""
    board = b.board(
        "P/D service: SLO attainment",
        UID,
        "Objectives, workers, load and decisions of one PDInferenceService. "
        "Every panel's description says how to read it.",
    )
    for variable in _variables():
        board.with_variable(variable)
    board.annotation(_scale_events())
    _objectives(board)
    _workers(board)
    _load(board)
    _worth_of_forecasts(board)
    _latency(board)
    _decisions(board)
    _ticks(board)
    return b.numbered(board.build())


def _scale_events() -> builders.AnnotationQuery:
    """Where the wanted workers changed, as lines through all panels."""
    return (
        builders.AnnotationQuery()
        .name("Scale events")
        .datasource(p.DATASOURCE)
        .enable(True)
        .icon_color("light-blue")
        .expr(q.scale_events())
    )


def _variables() -> list[builders.DatasourceVariable | builders.QueryVariable]:
    source = f"pd_operator_slo_target_ratio{{{q.CLUSTER}}}"
    of_namespace = f'pd_operator_slo_target_ratio{{{q.CLUSTER}, namespace="$namespace"}}'
    return [
        b.data_source(),
        b.cluster(),
        b.label_values("namespace", "Namespace", f"label_values({source}, namespace)"),
        b.label_values("service", "Service", f"label_values({of_namespace}, service)"),
        *(_lead_time(role) for role in ("prefill", "decode")),
    ]


def _lead_time(role: str) -> builders.QueryVariable:
    """Whole seconds, out of an answer such as `{} 230 1790000000000`."""
    return (
        builders.QueryVariable(q.lead_variable(role))
        .datasource(p.DATASOURCE)
        .query(f"query_result({q.lead_time(role)})")
        .regex(r"/\} (\d+)/")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .hide(models.VariableHide.HIDE_VARIABLE)
    )


def _objectives(board: builders.Dashboard) -> None:
    board.with_row(builders.Row("Objectives"))
    board.with_panel(
        p.number(
            "Error budget left",
            "Of the requests that may miss an objective within the dashboard's time range, the "
            "share not yet spent: 1 - (1 - attainment) / (1 - target). 100 % is untouched, below "
            "0 the objective was missed. With a p90 objective the budget is 10 % of the requests.",
            "percentunit",
            p.instant(q.budget_remaining("$__range"), "{{objective}}"),
        ).thresholds(p.steps([(None, "red"), (0, "orange"), (0.25, "green")]))
    )
    board.with_panel(
        p.graph(
            "Attainment",
            "Share of the requests of the operator's window that met each objective, against its "
            "target (dashed). 'Both, at least' is the least share that can have met both, since "
            "the engines count each objective on its own. A gap means unknown: no requests, or no "
            "metrics. The axis begins at 80 %, or lower where a line does.",
            "percentunit",
            p.query(q.attainment("ttft"), "TTFT"),
            p.query(q.attainment("tpot"), "TPOT"),
            p.query(q.both_at_least(), "both, at least"),
            p.query(q.operator("slo_target_ratio", objective="ttft"), "TTFT target"),
            p.query(q.operator("slo_target_ratio", objective="tpot"), "TPOT target"),
            columns=10,
        )
        .axis_soft_min(0.8)
        .max(1)
        .override_by_name("TTFT", [p.color(p.PREFILL), p.heavy()])
        .override_by_name("TPOT", [p.color(p.DECODE), p.heavy()])
        .override_by_name("TTFT target", [p.color(p.PREFILL), p.dashed()])
        .override_by_name("TPOT target", [p.color(p.DECODE), p.dashed()])
    )
    board.with_panel(
        p.graph(
            "Burn rate",
            "How many times faster than allowed the error budget is spent. At 1 it lasts exactly "
            "its period. A long and a short window together tell a real problem from one that is "
            "already over: the alerts ask for both. A p90 objective can burn at most 10 times too "
            "fast, when every request misses.",
            "none",
            p.query(q.burn_rate("1h"), "{{objective}}, last hour"),
            p.query(q.burn_rate("5m"), "{{objective}}, last 5 minutes"),
            columns=8,
        )
        .thresholds(p.steps([(None, "green"), (1, "red")]))
        .thresholds_style(_line_at_threshold())
    )


def _workers(board: builders.Dashboard) -> None:
    board.with_row(builders.Row("Workers"))
    for role in ("prefill", "decode"):
        board.with_panel(
            p.graph(
                f"{role.capitalize()} workers",
                "Wanted by the last decision, current by the Deployments' specs, and what they are "
                "doing. Wanted rising before the load is the forecast at work; ready follows by "
                "the start-up time. Draining workers finish what they have and get nothing new; "
                "flipped ones are borrowed from the other pool.",
                "none",
                *(p.query(q.operator("workers", role=role, state=s), s) for s in WORKER_STATES),
                columns=8,
            )
            .line_interpolation(options.LineInterpolation.STEP_AFTER)
            .decimals(0)
            .override_by_name("ready", [p.color("green"), p.heavy()])
            .override_by_name("wanted", [p.color("purple"), p.heavy(), p.dashed()])
            .override_by_name("current", [p.color("text")])
            .override_by_name("starting", [p.color("yellow")])
            .override_by_name("draining", [p.color("red")])
            .override_by_name("flipped", [p.color("blue")])
        )
    board.with_panel(
        p.graph(
            "Prefill workers per decode worker",
            "The P/D ratio. It moves when the mix of the load moves: longer prompts need more "
            "prefill, longer answers more decode. It is a result of the plan, not a setting.",
            "none",
            p.query(q.pool_ratio("wanted"), "wanted"),
            p.query(q.pool_ratio("ready"), "ready"),
            columns=8,
        ).line_interpolation(options.LineInterpolation.STEP_AFTER)
    )


def _load(board: builders.Dashboard) -> None:
    board.with_row(builders.Row("Load, now and as expected"))
    explanation = (
        "Forecasts are drawn at the time they are about: as they were made one lead time before. "
        "The load should lie in the band, and seldom above it. Replicas are bought for its upper "
        "edge."
    )
    board.with_panel(
        _with_band(
            "Requests offered",
            "Requests a second that clients offered, whether or not they were served. "
            + explanation,
            "reqps",
            p.query(q.DEMAND, "offered"),
            "forecast_requests_per_second",
            role="prefill",
            columns=10,
        )
    )
    board.with_panel(
        p.graph(
            "Answers by status",
            "Answers a second of the router, by HTTP status. 499 is a client that left, 503 a "
            "pool without a worker that could take the request.",
            "reqps",
            p.query(q.answers_by_status(), "{{status_code}}"),
            columns=6,
        )
    )
    board.with_panel(
        p.number(
            "Lead time",
            "How far ahead each pool's load is forecast: the time a new worker needs until it "
            "serves, plus a tick, a scrape, a bin and the margin.",
            "s",
            p.instant(q.operator("forecast_horizon_seconds", by="role"), "{{role}}"),
            columns=4,
        )
    )
    board.with_panel(
        p.number(
            "Expected by then",
            "Requests a second that are forecast for one lead time from now: percentiles of the "
            "newest forecast, the highest of which prefill is sized for.",
            "reqps",
            p.instant(
                q.operator("forecast_requests_per_second", by="percentile", role="prefill"),
                "P{{percentile}}",
            ),
            columns=4,
        )
    )
    for kind, role, words in (
        (
            "prompt",
            "prefill",
            "Prompt tokens a second that prefill must compute (cached ones left out). ",
        ),
        ("output", "decode", "Tokens a second that decode must generate. "),
    ):
        board.with_panel(
            _with_band(
                f"{role.capitalize()} work",
                words + explanation,
                "none",
                p.query(q.operator("demand_tokens_per_second", kind=kind), "offered"),
                "forecast_tokens_per_second",
                role=role,
                columns=12,
            ).axis_label("tokens/s")
        )


def _worth_of_forecasts(board: builders.Dashboard) -> None:
    board.with_panel(
        p.graph(
            "Error of the forecast",
            "Mean absolute error of the forecaster at the lead time, over that of taking the last "
            "value. Below 1 it is worth its name; from 1 on, the pool is planned for the last "
            "value and ForecastTrusted is False.",
            "none",
            p.query(q.operator("forecast_error_vs_last_value", by="role"), "{{role}}"),
            columns=12,
        )
        .override_by_name("prefill", [p.color(p.PREFILL)])
        .override_by_name("decode", [p.color(p.DECODE)])
    )
    board.with_panel(
        p.graph(
            "Do the percentiles hold?",
            "Share of the loads that came which were at or below each percentile of the forecast. "
            "Each line should lie at its own name: below it, workers were too few more often than "
            "asked for; above it, too many were paid for.",
            "percentunit",
            p.query(
                q.operator("forecast_coverage_ratio", by="role, percentile"),
                "{{role}} P{{percentile}}",
            ),
            columns=12,
        ).max(1)
    )


def _with_band(
    title: str,
    description: str,
    unit: str,
    offered: Dataquery,
    metric: str,
    *,
    role: str,
    columns: int,
) -> timeseries.Panel:
    color = p.PREFILL if role == "prefill" else p.DECODE
    return (
        p.graph(
            title,
            description,
            unit,
            offered,
            p.query(q.forecast(metric, role, "50"), "forecast, median"),
            p.query(q.forecast(metric, role, "!~50?"), "forecast, high"),
            p.query(q.forecast(metric, role, "5"), "forecast, low"),
            columns=columns,
        )
        .override_by_name("offered", [p.color("text"), p.heavy()])
        .override_by_name("forecast, median", [p.color(color), p.dashed()])
        .override_by_name("forecast, high", [p.color(color), *p.filled_down_to("forecast, low")])
        .override_by_name("forecast, low", [p.color(color)])
    )


def _latency(board: builders.Dashboard) -> None:
    board.with_row(builders.Row("Latency, as the decode workers measure it"))
    for title, objective, histogram, words in (
        (
            "Time to first token",
            "ttft",
            "sglang:time_to_first_token_seconds",
            "From a streamed request's arrival at its decode worker to its first token: the wait "
            "for a prefill worker, the prefill and the transfer of the cache. ",
        ),
        (
            "Time per output token",
            "tpot",
            "sglang:request_time_per_output_token_seconds",
            "Mean seconds between a streamed request's tokens after the first. It grows with the "
            "decode workers' batch. ",
        ),
    ):
        board.with_panel(
            p.graph(
                title,
                words + "Percentiles are interpolated within buckets; attainment above is exact, "
                "because each objective is a bucket's edge.",
                "s",
                *(
                    p.query(q.percentile(share, histogram), f"p{share * 100:.0f}")
                    for share in (0.5, 0.9, 0.99)
                ),
                p.query(q.operator("slo_limit_seconds", objective=objective), "objective"),
            ).override_by_name("objective", [p.color("red"), p.dashed()])
        )
    board.with_panel(
        p.graph(
            "Engines against their profile",
            "Measured over expected time of prefill passes and decode steps, by length of the "
            "prompts or size of the batch. Plans are corrected by it, between 0.5 and 2; a line "
            "far from 1 calls for a profile of this engine.",
            "none",
            p.query(q.operator("calibration_ratio", by="role, region"), "{{role}} {{region}}"),
            columns=24,
        )
    )


def _decisions(board: builders.Dashboard) -> None:
    board.with_row(builders.Row("Decisions"))
    board.with_panel(
        p.graph(
            "Decisions by reason",
            "What decided, tick by tick. `kubectl pd explain` prints the last one link by link. "
            "Where another worker went than the one that had drained, that is counted too.",
            "none",
            p.query(q.counted("decisions_total", "reason"), "{{reason}}"),
            p.query(q.counted("wrong_victims_total", "role"), "{{role}}: another went"),
            p.query(q.counted("role_flips_total", "result"), "role flip: {{result}}"),
        )
        .draw_style(options.GraphDrawStyle.BARS)
        # On top of each other: side by side they would hide one another.
        .stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
        .fill_opacity(60)
        .decimals(0)
    )
    board.with_panel(
        p.states(
            "Conditions",
            "The conditions of the resource. True is good for all of them; Scaling is False in "
            "Advisory and Paused. `kubectl describe pdis` gives the reason and what to do.",
            p.query(q.conditions(), "{{type}}"),
            names={
                "1": ("True", "green"),
                "0.5": ("Unknown", "yellow"),
                "0": ("False", "red"),
            },
        )
    )


def _ticks(board: builders.Dashboard) -> None:
    board.with_panel(
        p.graph(
            "Age of the inputs",
            "Age of what each part of a decision rests on. An input that is too old counts as "
            "unknown, and unknown load holds the workers as they are.",
            "s",
            p.query(q.operator("input_age_seconds", by="input"), "{{input}}"),
            columns=8,
        )
    )
    board.with_panel(
        p.graph(
            "Ticks",
            "How often the operator looked at this service, by how it ended. A tick that fails "
            "changes nothing and is tried again.",
            "none",
            p.query(q.counted("ticks_total", "result"), "{{result}}"),
            columns=8,
        )
    )
    board.with_panel(
        p.graph(
            "Tick duration",
            "Seconds of a whole tick and of its steps, over all services of this operator.",
            "s",
            p.query(q.tick_percentile(0.5), "p50"),
            p.query(q.tick_percentile(0.99), "p99"),
            p.query(q.step_percentile(0.99), "p99 of {{step}}"),
            columns=8,
        )
    )


def _line_at_threshold() -> common.GraphThresholdsStyleConfig:
    return common.GraphThresholdsStyleConfig().mode(options.GraphTresholdsStyleMode.LINE)
