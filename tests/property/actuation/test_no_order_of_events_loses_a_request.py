"""No order of events loses a request: the search through them, and orders that were seen."""

import pytest
from hypothesis import settings
from tests.property.actuation.modeled_pod import Pod
from tests.property.actuation.modeled_pool import POOL, Service, finish

from pd_operator.actuation.cluster import ChangedMeanwhileError
from pd_operator.api.names import ANNOTATION_REPLICAS_WITHOUT, LABEL_TRAFFIC

Service.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestNoOrderOfEventsLosesARequest = Service.TestCase


# Orders that were seen on real clusters, one by one: the search above need not meet them.


def serving(count: int = 3) -> Service:
    """A pool whose workers all hold requests."""
    service = Service()
    service.serve(count)
    service.requests_come()
    service.time_passes(1.0)
    return service


def test_controllers_that_are_late_do_not_make_one_victim_two() -> None:
    service = serving()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    for _ in range(4):
        service.a_drain_goes_on(controllers_are_late=True)
    assert service.replicas == 2
    service.the_controllers_catch_up()
    assert len(service.live()) == 2


def test_a_busy_worker_that_loses_readiness_does_not_go_in_place_of_the_drained_one() -> None:
    service = serving()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    lost = lose_readiness(service)
    service.a_drain_goes_on(controllers_are_late=False)
    assert service.replicas == 3
    lost.ready = True
    service.a_drain_goes_on(controllers_are_late=False)
    assert service.replicas == 2


def lose_readiness(service: Service) -> Pod:
    lost = next(pod for pod in service.pods if LABEL_TRAFFIC not in pod.labels)
    lost.ready, lost.unready_at = False, service.now
    return lost


def test_a_worker_that_loses_readiness_before_late_controllers_act_does_not_go() -> None:
    service = serving()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    service.a_drain_goes_on(controllers_are_late=True)
    assert service.replicas == 2
    lost = lose_readiness(service)
    service.the_operator_decides_and_acts(by=0, crash_after=100)
    assert service.replicas == 3
    service.the_controllers_catch_up()
    assert not lost.terminating
    lost.ready = True
    service.a_drain_goes_on(controllers_are_late=False)
    assert service.replicas == len(service.live()) == 2
    assert not lost.terminating


def test_a_worker_that_loses_readiness_during_a_tick_does_not_go() -> None:
    service = serving()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    service.requests_end_where_no_more_come()
    service.time_passes(2.0)
    service.the_operator_decides_and_acts(by=0, crash_after=100)
    service.time_passes(2.0)
    service.the_operator_looks()
    lose_readiness(service)
    service.the_operator_decides_and_acts(by=0, crash_after=100)
    assert service.replicas == 3
    service.the_controllers_catch_up()
    assert len(service.live()) == 3


def test_a_worker_that_is_taken_back_delays_no_raise() -> None:
    service = serving(2)
    service.the_operator_decides_and_acts(by=1, crash_after=100)
    service.the_controllers_catch_up()
    service.a_busy_pool_is_lowered_and_the_controllers_are_late()
    service.pods[0].terminating = True
    service.the_controllers_catch_up()
    service.the_operator_decides_and_acts(by=1, crash_after=100)
    assert service.replicas == 3


def test_a_drained_worker_that_is_deleted_by_hand_takes_no_busy_one_with_it() -> None:
    service = serving()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    service.a_drain_goes_on(controllers_are_late=True)
    assert service.replicas == 2
    drained = next(pod for pod in service.pods if ANNOTATION_REPLICAS_WITHOUT in pod.annotations)
    service.delete_by_hand(drained)
    assert len(service.live()) == 3, "its ReplicaSet has made another"
    service.the_operator_decides_and_acts(by=0, crash_after=100)
    assert service.replicas == 3
    service.workers_start()
    service.the_controllers_catch_up()
    assert len(service.live()) == 3
    service.terminating_workers_are_gone()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    for _ in range(2):
        service.a_drain_goes_on(controllers_are_late=False)
    assert service.replicas == len(service.live()) == 2


def test_answers_from_before_a_long_pass_end_no_drain() -> None:
    service = Service()
    service.serve(3)
    service.time_passes(1.0)
    for pod in service.pods:
        pod.in_pass = True
    service.requests_come()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    for _ in range(5):
        service.time_passes(2.0)
        service.the_operator_decides_and_acts(by=0, crash_after=100)
    assert service.replicas == 3


def test_no_ready_worker_goes_by_number_in_a_stuck_rollout() -> None:
    service = serving()
    service.the_template_is_edited(now=True)
    service.the_controllers_catch_up()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    for _ in range(3):
        service.a_drain_goes_on(controllers_are_late=False)
    assert service.replicas == 3
    assert all(LABEL_TRAFFIC not in pod.labels for pod in service.pods)


def test_what_somebody_else_set_meanwhile_stays() -> None:
    service = serving()
    service.the_operator_looks()
    service.replicas, service.version, service.generation = 7, 2, 2
    service.the_operator_decides_and_acts(by=1, crash_after=100)
    assert service.replicas == 7


TERM_BEGINS = 4
"""Writes with which a term begins on a pool of three workers."""


def test_an_operator_that_ends_at_any_write_goes_on_where_it_was() -> None:
    for crash_after in range(1, 4):
        assert_shrinks_to_two(*(TERM_BEGINS + crash_after,) * 4)


def test_an_operator_that_ends_as_its_term_begins_goes_on_where_it_was() -> None:
    for crash_after in range(1, TERM_BEGINS + 1):
        assert_shrinks_to_two(crash_after, 100, crash_after, 100)


def assert_shrinks_to_two(*crashes_after: int) -> None:
    service = serving()
    for crash_after in crashes_after:
        by = 2 - service.observation().current
        service.the_operator_decides_and_acts(by=by, crash_after=crash_after)
        service.a_drain_goes_on(controllers_are_late=False)
    assert service.replicas == len(service.live()) == 2


def test_a_late_lowering_is_refused_once_the_next_leader_has_called_it_off() -> None:
    service = serving()
    service.the_operator_decides_and_acts(by=-1, crash_after=100)
    service.requests_end_where_no_more_come()
    service.time_passes(2.0)
    service.the_operator_decides_and_acts(by=0, crash_after=100)
    service.time_passes(2.0)
    seen = service.observation()
    # It ends while its request to lower the replicas is under way.
    service.the_operator_decides_and_acts(by=0, crash_after=1)
    assert any(ANNOTATION_REPLICAS_WITHOUT in pod.annotations for pod in service.pods)
    service.the_operator_decides_and_acts(by=1, crash_after=100)
    assert all(LABEL_TRAFFIC not in pod.labels for pod in service.pods)
    with pytest.raises(ChangedMeanwhileError):
        finish(service.scale(None, "team", POOL, 2, before=3, version=seen.version))
