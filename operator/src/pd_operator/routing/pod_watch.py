"""A service's worker pods as they change: list, then watch, for ever.

The client's own informer would hold validated pydantic pods and tens of MiB more; the router's
sidecar needs a few fields of a few pods, so it reads the API's JSON as it comes.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from kubernetes.client.api_client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from pd_operator.api.names import LABEL_ROLE, LABEL_SERVICE, ServiceKey
from pd_operator.api.pods import Pod
from pd_operator.api.roles import Role

logger = logging.getLogger(__name__)

WATCH_SECONDS = 60
"""A watch ends after this time and the pods are listed anew, whatever the watch may have lost."""

CONNECT_SECONDS = 5.0
READ_SECONDS = WATCH_SECONDS + 15.0
"""A connection that is silent for longer is dead, although nobody closed it."""

LONGEST_PAUSE_SECONDS = 5.0
"""Between two attempts while the API server is away."""

PLAUSIBLE_WATCH_SECONDS = 1.0
"""A watch that ends sooner did not really work; listing again at once would be a busy loop."""


class PodsUnavailableError(Exception):
    """The API server did not give the pods; its message says why and what to do."""


def follow_pods(key: ServiceKey, connect: Callable[[], ApiClient]) -> Iterator[tuple[Pod, ...]]:
    """Every state of the service's worker pods, the first as soon as they can be listed.

    Never ends and never yields a state that the API server did not give: while it is away
    nothing is yielded. `connect` is called for each attempt, so that a rotated token or
    certificate is read again; what it raises is raised here.
    """
    failures = 0
    while True:
        started = time.monotonic()
        try:
            with connect() as api:
                yield from _list_and_watch(api, key)
            worked = time.monotonic() - started >= PLAUSIBLE_WATCH_SECONDS
        except (PodsUnavailableError, ApiException, HTTPError, OSError, ValueError) as error:
            worked = False
            logger.warning("pods of %s: %s; the last table stays in force", key, error)
        failures = 0 if worked else failures + 1
        if failures:
            time.sleep(pause_seconds(failures))


def pause_seconds(failures: int) -> float:
    """Time until the next attempt: doubled from 0.25 s, bounded, and spread by a half."""
    longest = min(LONGEST_PAUSE_SECONDS, 0.25 * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing


def _list_and_watch(api: ApiClient, key: ServiceKey) -> Iterator[tuple[Pod, ...]]:
    """One list and the one watch that follows it; ends when the watch does."""
    with _get(api, key, {}) as response:
        pods, version = _listed(response.data)
    yield tuple(pods.values())
    since = {
        "watch": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    with _get(api, key, since) as response:
        for line in response:
            if apply_event(pods, json.loads(line)):
                yield tuple(pods.values())


def _listed(body: bytes) -> tuple[dict[str, Pod], str]:
    """The pods of a list by uid, and the version from which a watch continues it."""
    try:
        document = json.loads(body)
        pods = {pod["metadata"]["uid"]: pod for pod in document["items"]}
        return pods, str(document["metadata"]["resourceVersion"])
    except (ValueError, KeyError, TypeError) as error:
        raise PodsUnavailableError(f"the answer is no list of pods: {error!r}") from error


def apply_event(pods: dict[str, Pod], event: dict[str, Any]) -> bool:
    """Carry one watch event over to `pods` (by uid); whether it said something of a pod.

    Raises `PodsUnavailableError` when the API server ends the watch with an error, e.g. 410
    because it no longer knows the version to continue from.
    """
    kind, subject = event["type"], event["object"]
    if kind == "ERROR":
        raise PodsUnavailableError(f"watch ended: {subject.get('message', subject)}")
    if kind in ("ADDED", "MODIFIED"):
        pods[subject["metadata"]["uid"]] = subject
    elif kind == "DELETED":
        pods.pop(subject["metadata"]["uid"], None)
    else:
        return False
    return True


def _get(api: ApiClient, key: ServiceKey, query: dict[str, str]) -> Any:
    """The open response (of urllib3, iterable by line) to a GET of the service's pods."""
    roles = ",".join(role.value for role in Role)
    selector = f"{LABEL_SERVICE}={key.name},{LABEL_ROLE} in ({roles})"
    request = api.param_serialize(
        "GET",
        f"/api/v1/namespaces/{key.namespace}/pods",
        query_params=[("labelSelector", selector), *query.items()],
        header_params={"Accept": "application/json"},
        auth_settings=["BearerToken"],
    )
    answer = api.call_api(*request, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
    if answer.status == 200:
        return answer.response
    message = answer.response.data.decode(errors="replace")[:500]
    hint = " (the router's Role must allow get, list and watch of pods)"
    raise PodsUnavailableError(
        f"the API server answered {answer.status}: {message}{hint if answer.status == 403 else ''}"
    )
