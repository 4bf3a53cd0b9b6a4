"""What the series say of a service's objectives."""

from pd_operator.api.status import PDInferenceServiceStatus
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.metrics_export import export
from pd_operator.controller.status.tick_result import TickResult


def test_an_objective_is_told_with_its_share_and_its_limit_in_seconds(result: TickResult) -> None:
    metrics, key = OperatorMetrics(), result.service.key
    export(metrics, key, result, PDInferenceServiceStatus())
    objectives = result.service.spec.objectives
    for name, objective in (("ttft", objectives.ttft), ("tpot", objectives.tpot)):
        labels = {"namespace": key.namespace, "service": key.name, "objective": name}
        told = metrics.registry.get_sample_value
        assert told("pd_operator_slo_limit_seconds", labels) == objective.milliseconds / 1000
        assert told("pd_operator_slo_target_ratio", labels) == objective.percentile / 100
