"""Where the Kubernetes API keeps what."""

import pytest

from pd_operator.actuation.kinds import DEPLOYMENT, PD_SERVICE, SERVICE, Kind


@pytest.mark.parametrize(
    ("kind", "where", "path"),
    [
        (SERVICE, ("team", "chat"), "/api/v1/namespaces/team/services/chat"),
        (
            DEPLOYMENT,
            ("team", "chat-decode", "scale"),
            "/apis/apps/v1/namespaces/team/deployments/chat-decode/scale",
        ),
        (DEPLOYMENT, ("team",), "/apis/apps/v1/namespaces/team/deployments"),
        (PD_SERVICE, ("",), "/apis/serving.pd-operator.io/v1alpha1/pdinferenceservices"),
    ],
)
def test_the_core_api_has_a_root_of_its_own(kind: Kind, where: tuple[str, ...], path: str) -> None:
    assert kind.path(*where) == path
