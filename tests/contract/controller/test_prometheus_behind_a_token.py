"""A Prometheus behind a token and a private authority, with the objects in a real API server."""

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import requests
from aiohttp import ClientSession
from kubernetes import config
from tests.contract.telemetry.conftest import running_prometheus
from tests.contract.telemetry.written import (
    NOW,
    SCRAPE,
    Written,
    key,
    known,
    unknown,
    write_lengths,
    write_requests,
)

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.cluster import Cluster
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.tick.observer import Observer
from pd_operator.demand import Demand
from pd_operator.scaling.observation import Reading

pytestmark = pytest.mark.controlplane

TOKEN = "a-secret-of-ours"

Read = Callable[..., Any]


@pytest.fixture(scope="module")
def prometheus(
    binaries: Programs, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of one that a proxy stands before, as OpenShift and managed services have it."""
    page = Written()
    write_requests(page, "chat", 2.0)
    write_lengths(page, "chat", 2.0)
    directory = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(binaries, directory, "\n".join(page.lines)) as (behind, _):

        class Proxy(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = self.headers.get("Authorization", "nothing")
                if said == f"Bearer {TOKEN}":
                    answer = requests.get(behind + self.path, timeout=10)
                    status, body = answer.status_code, answer.content
                else:
                    status, body = 401, f"not with {said}".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        layout = control_plane.layout
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(layout.certificate_authority, layout.certificate_key)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"https://127.0.0.1:{server.server_port}"
            server.shutdown()


@pytest.fixture
def read(control_plane: ControlPlane, namespace: str, prometheus: str) -> Iterator[Read]:
    """The load as an operator reads it that may read one Secret by name, and ConfigMaps."""
    may = f"--namespace={namespace}"
    kubectl = control_plane.kubectl
    kubectl(may, "create", "role", "a", "--verb=get", "--resource=secrets", "--resource-name=token")
    kubectl(may, "create", "role", "b", "--verb=get", "--resource=configmaps")
    for role in ("a", "b"):
        account = f"--serviceaccount={namespace}:default"
        kubectl(may, "create", "rolebinding", role, f"--role={role}", account)
    kubectl(may, "create", "secret", "generic", "token", f"--from-literal=token={TOKEN}")
    kubectl(may, "create", "secret", "generic", "other", f"--from-literal=token={TOKEN}")
    authority = control_plane.layout.certificate_authority
    kubectl(may, "create", "configmap", "authority", f"--from-file=ca.crt={authority}")
    kubeconfig = control_plane.kubeconfig_for(namespace, "default")
    cluster = Cluster(config.new_client_from_config(config_file=str(kubeconfig)))

    # No engine is asked here, so there is nobody to talk to by HTTP.
    observer = Observer(cluster, cast("ClientSession", None))

    async def read(**metrics: Any) -> Reading[Demand]:
        scraped = {"prometheusUrl": prometheus, "scrapeIntervalSeconds": SCRAPE}
        service = service_with(namespace, **(scraped | metrics))
        return (await observer.connect(service)).demand(key("chat"), NOW, 60)

    yield read
    observer.forget(service_with(namespace, prometheusUrl=prometheus).key)


def service_with(namespace: str, **metrics: Any) -> PDInferenceService:
    pool = {"maxReplicas": 2}
    return PDInferenceService.parse(
        {
            "metadata": {"name": "chat", "namespace": namespace, "uid": "u"},
            "spec": {
                "model": {"path": "org/model"},
                "engine": {"profile": {"name": "llama-3.1-8b-l40s"}},
                "objectives": {"ttft": {"milliseconds": 1000}, "tpot": {"milliseconds": 40}},
                "prefill": pool,
                "decode": pool,
                "metrics": metrics,
            },
        }
    )


TRUSTED = {"certificateAuthority": {"name": "authority"}}
SHOWN = {"bearerTokenSecret": {"name": "token"}}


async def test_the_load_is_read_with_the_token_and_the_authority_that_the_spec_names(
    read: Read,
) -> None:
    reading = known(await read(**TRUSTED, **SHOWN))
    assert reading.value.requests_per_second == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (SHOWN, "self-signed certificate"),
        (TRUSTED, "spec.metrics.bearerTokenSecret"),
        (TRUSTED | {"bearerTokenSecret": {"name": "other"}}, "may not read Secret other. Add the"),
        (TRUSTED | {"bearerTokenSecret": {"name": "token", "key": "x"}}, "token has no key x"),
        (TRUSTED | {"basicAuthSecret": {"name": "token"}}, "Secret token has no key username"),
        (TRUSTED | {"clientCertificateSecret": {"name": "other"}}, "may not read Secret other"),
        ({"prometheusUrl": None}, "it is not set, and the operator has none"),
        (SHOWN | {"certificateAuthority": {"name": "none"}}, "ConfigMap none does not exist"),
    ],
    ids=[
        "not trusted",
        "no token",
        "a Secret of others",
        "no such key",
        "no user",
        "a certificate of others",
        "no address",
        "no such ConfigMap",
    ],
)
async def test_what_is_missing_is_said_and_the_load_is_unknown(
    read: Read, metrics: dict[str, Any], words: str
) -> None:
    reading = unknown(await read(**metrics))
    assert reading.reason == "PrometheusUnreachable"
    assert words in reading.message


async def test_no_message_repeats_a_token(
    read: Read, control_plane: ControlPlane, namespace: str
) -> None:
    """The proxy repeats what it was shown, and the client library what it cannot send.

    A token that is renewed is the one that counts from then on.
    """
    known(await read(**TRUSTED, **SHOWN))
    for secret in ("an-old-secret", "a secret\nof two lines", "gehöim"):
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "token"},
            "stringData": {"token": secret},
        }
        control_plane.kubectl(
            "apply", "--server-side", "--force-conflicts", "--filename=-",
            f"--namespace={namespace}", input_text=json.dumps(manifest),
        )  # fmt: skip
        reading = unknown(await read(**TRUSTED, **SHOWN))
        assert secret not in f"{reading}"
        assert "secret" not in reading.message.replace("bearerTokenSecret", "")
