"""The operator runs with the rights that the chart gives it, and needs no others."""

import pytest

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.cluster import Cluster
from pd_operator.api.names import ROLE_ROUTER
from pd_operator.api.roles import Role

from .installed import NAME, NAMESPACE, InstalledOperator
from .service import RunningService

pytestmark = pytest.mark.controlplane

DENIED = "is forbidden: User"
"""What RBAC says. A namespace that is being deleted refuses new objects with a 403 of other words.
"""


def test_nothing_that_the_operator_does_is_forbidden_to_it(
    operator: InstalledOperator, chat: RunningService, cluster: Cluster
) -> None:
    assert operator.pod()["spec"]["serviceAccountName"] == NAME
    # Every right is used once: children, replicas, drain, status, Events, a ConfigMap.
    reference = {"name": None, "configMapRef": {"name": "none"}}
    chat.edit(decode={"minReplicas": 2}, engine={"profile": reference})
    chat.await_workers(prefill=1, decode=2)
    chat.edit(decode={"minReplicas": 1, "maxReplicas": 1})
    eventually(lambda: chat.replicas(Role.DECODE) == 1)
    eventually(lambda: chat.events("ScaledDown"))
    eventually(lambda: chat.events("ProfileInvalid"))

    # The log of its whole life, which other tests may have been part of.
    assert [line for line in operator.log().splitlines() if DENIED in line] == []
    (router,) = chat.pods(ROLE_ROUTER)
    table = cluster.nodes.pod_log(chat.namespace, router, "worker-table").read_text()
    assert "1 prefill and 1 decode workers in force" in table
    assert DENIED not in table


def test_the_operators_account_may_not_do_as_it_likes(
    operator: InstalledOperator, cluster: Cluster
) -> None:
    kubectl = cluster.control_plane.kubectl
    account = f"--as=system:serviceaccount:{NAMESPACE}:{NAME}"
    assert kubectl("auth", "can-i", "patch", "deployments/scale.apps", account).strip() == "yes"
    with pytest.raises(CommandError, match="status 1"):  # can-i says no by its exit status
        kubectl("auth", "can-i", "get", "secrets", account)
