"""What a service's Prometheus wants to be shown: a token of a Secret, and whose certificate it has.

Both are read on every tick, as a token is replaced without notice. What cannot be had makes the
load unknown, and the sentence says what to do.
"""

import base64
import ssl
from collections.abc import Mapping

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import CONFIG_MAP, SECRET, Kind
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.telemetry.access import PrometheusAccess

FORBIDDEN = 403


class _AccessError(Exception):
    """The message says what is missing."""


async def read_access(cluster: Cluster, service: PDInferenceService) -> PrometheusAccess:
    """How to speak to the service's Prometheus; `ClusterError` where the API server is away."""
    try:
        return PrometheusAccess(
            token=await _token(cluster, service), authority=await _authority(cluster, service)
        )
    except _AccessError as error:
        return PrometheusAccess(fault=str(error))


async def _token(cluster: Cluster, service: PDInferenceService) -> str:
    wanted = service.spec.metrics.bearer_token_secret
    if wanted is None:
        return ""
    place = f"key {wanted.key} of Secret {wanted.name}"
    encoded = await _value(cluster, service, SECRET, wanted.name, wanted.key)
    try:
        token = base64.b64decode(encoded, validate=True).decode("ascii").strip()
    except ValueError:
        token = ""
    # Anything else would be refused as a header, in words that repeat it.
    if not token.isprintable() or not token or " " in token:
        raise _AccessError(f"{place} holds no token.")
    return token


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
