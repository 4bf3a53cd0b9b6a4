"""What a service's Prometheus wants to be shown, from Secrets, and whose certificate it has.

All are read on every tick, as a token is replaced without notice. What cannot be had makes the
load unknown, and the sentence says what to do.
"""

import base64
import ssl
from collections.abc import Mapping

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import CONFIG_MAP, SECRET, Kind
from pd_operator.api.metrics import MetricsSpec, SecretRef
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.telemetry.access import PrometheusAccess, tls_context

FORBIDDEN = 403


class _AccessError(Exception):
    """The message says what is missing."""


UNSET = "spec.metrics.prometheusUrl"
"""Stands in sentences for an address that nobody gave."""


async def read_access(cluster: Cluster, service: PDInferenceService) -> PrometheusAccess:
    """How to speak to the service's Prometheus; `ClusterError` where the API server is away."""
    metrics = service.spec.metrics
    try:
        _expect_address(metrics)
        user, password = await _pair(
            cluster, service, metrics.basic_auth_secret, "username", "password"
        )
        certificate, private_key = await _pair(
            cluster, service, metrics.client_certificate_secret, "tls.crt", "tls.key"
        )
        access = PrometheusAccess(
            token=await _token(cluster, service),
            user=user,
            password=password,
            authority=await _authority(cluster, service),
            certificate=certificate,
            private_key=private_key,
            more_headers=tuple((one.name, one.value) for one in metrics.headers),
            parameters=tuple((one.name, one.value) for one in metrics.query_parameters),
        )
        _expect_certificate(access, metrics)
    except _AccessError as error:
        return PrometheusAccess(fault=str(error))
    return access


def _expect_address(metrics: MetricsSpec) -> None:
    if metrics.prometheus_url is None:
        raise _AccessError("it is not set, and the operator has none (chart value prometheus.url).")
    if metrics.secret and not metrics.prometheus_url.startswith("https://"):
        raise _AccessError(f"{metrics.secret} is shown by https alone.")


def _expect_certificate(access: PrometheusAccess, metrics: MetricsSpec) -> None:
    if not access.certificate:
        return  # a context by itself reads all public authorities: half of a tick's time
    try:
        tls_context(access)
    except (ssl.SSLError, ValueError) as error:
        secret = metrics.client_certificate_secret
        name = secret.name if secret else ""
        raise _AccessError(
            f"Secret {name} holds no certificate in PEM, or a key that is not its own."
        ) from error


async def _pair(
    cluster: Cluster, service: PDInferenceService, wanted: SecretRef | None, *keys: str
) -> tuple[str, str]:
    """Two values of a Secret; empty where none is wanted."""
    if wanted is None:
        return "", ""
    first, second = [await _secret(cluster, service, wanted.name, key) for key in keys]
    return first, second


async def _token(cluster: Cluster, service: PDInferenceService) -> str:
    wanted = service.spec.metrics.bearer_token_secret
    if wanted is None:
        return ""
    token = (await _secret(cluster, service, wanted.name, wanted.key)).strip()
    # Anything else would be refused as a header, in words that repeat it.
    if not token.isprintable() or not token or " " in token:
        raise _AccessError(f"key {wanted.key} of Secret {wanted.name} holds no token.")
    return token


async def _secret(cluster: Cluster, service: PDInferenceService, name: str, key: str) -> str:
    encoded = await _value(cluster, service, SECRET, name, key)
    try:
        text = base64.b64decode(encoded, validate=True).decode("ascii")
    except ValueError:
        text = ""
    if not text.strip():
        raise _AccessError(f"key {key} of Secret {name} is empty, or no text in ASCII.")
    return text


async def _authority(cluster: Cluster, service: PDInferenceService) -> str:
    wanted = service.spec.metrics.certificate_authority
    if wanted is None:
        return ""
    text = await _value(cluster, service, CONFIG_MAP, wanted.name, wanted.key)
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        place = f"key {wanted.key} of ConfigMap {wanted.name}"
        raise _AccessError(f"{place} holds no certificate in PEM.") from error
    return text


async def _value(
    cluster: Cluster, service: PDInferenceService, kind: Kind, name: str, key: str
) -> str:
    namespace = service.metadata.namespace
    try:
        stored = await cluster.get(kind, namespace, name)
    except ClusterError as error:
        if error.status != FORBIDDEN:
            raise
        raise _AccessError(
            f"the operator may not read {kind.name} {name}. Add the name to the value "
            "prometheusTokenSecrets of its chart."
        ) from error
    if stored is None:
        raise _AccessError(f"{kind.name} {name} does not exist in namespace {namespace}.")
    data: Mapping[str, str] = stored.get("data") or {}
    if key not in data:
        raise _AccessError(f"{kind.name} {name} has no key {key}.")
    return data[key]
