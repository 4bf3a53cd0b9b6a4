"""How long the silence of a node is borne."""

from typing import Any

from pd_operator.api.names import LABEL_ROLE
from pd_operator.routing.silence import BORNE_SECONDS, given_up, silent_since
from pd_operator.routing.worker_table import worker_table

Pod = dict[str, Any]


def pod(name: str, *, marked: bool) -> Pod:
    """A prefill worker, `marked` by the node controller or not."""
    says = {"Ready": not marked, "ContainersReady": True}
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "labels": {LABEL_ROLE: "prefill"},
        },
        "status": {
            "phase": "Running",
            "podIP": "127.9.0.1",
            "conditions": [{"type": kind, "status": str(holds)} for kind, holds in says.items()],
        },
    }


def test_pods_that_are_marked_and_unmarked_one_after_the_other_all_stay() -> None:
    # As seen when an API server came back: two, one, both and one of them, within a second.
    tables = []
    since: dict[str, float] = {}
    for second, marked in enumerate([(False, False), (True, False), (True, True), (False, True)]):
        pods = [pod(name, marked=one) for name, one in zip("ab", marked, strict=True)]
        since = silent_since(since, pods, second / 4)
        tables.append(worker_table(pods, given_up(since, second / 4)))
    assert len(tables[0]["workers"]) == 2
    assert all(table == tables[0] for table in tables)


def test_one_that_stays_silent_goes_and_one_that_spoke_begins_anew() -> None:
    silent, speaking = pod("a", marked=True), pod("a", marked=False)
    since = silent_since({}, [silent], 100.0)
    assert given_up(since, 100.0 + BORNE_SECONDS - 1) == frozenset()
    assert given_up(since, 100.0 + BORNE_SECONDS) == {"a"}
    spoke = silent_since(since, [speaking], 110.0)
    again = silent_since(spoke, [silent], 112.0)
    assert given_up(again, 100.0 + BORNE_SECONDS) == frozenset()


def test_a_worker_of_a_lost_node_is_out_of_the_table_where_another_serves() -> None:
    pods = [pod("a", marked=True), pod("b", marked=False)]
    later = given_up(silent_since({}, pods, 0.0), BORNE_SECONDS)
    assert [one["id"] for one in worker_table(pods, later)["workers"]] == ["b"]
