"""The one narrow door to the Kubernetes API.

Everything the operator reads from or writes to the API server passes here, by
the official client and off the event loop, so that a slow API server delays a
tick and never the whole process. Errors keep the API's own words.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from pd_operator.actuation.fence import Fence, Unfenced
from pd_operator.actuation.kinds import Kind, kind_of
from pd_operator.actuation.kubeconfig import read_connection
from pd_operator.actuation.service_proxy import InCluster, ServiceProxy, service_proxy
from pd_operator.api.names import FIELD_MANAGER

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


REFUSALS = (400, 403, 413, 422)

CONFLICT = 409
"""The answer to a write with a version or uid that the object does not have."""

NOT_FOUND = 404

TEST_FAILED = 422
"""The answer to a JSON patch one of whose tests fails."""

UNTYPED = ("failed to create typed patch object", "failed to convert new object")
"""How Kubernetes 1.36 begins its answer to a server-side apply with a field that the kind does not
have or has as another type, or a quantity that is none: with 500, as if the server were at fault.
"""


class ClusterError(Exception):
    """The API server refused or could not be reached.

    `status` is the HTTP status, 0 where there was no answer; `message` the
    API server's own explanation.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status
        self.message = message

    @property
    def refused(self) -> bool:
        """Whether the object itself was rejected, so that trying again is pointless."""
        return self.status in REFUSALS or self.message.startswith(UNTYPED)


class ChangedMeanwhileError(ClusterError):
    """What was to be changed is no longer as it was seen. Nothing was changed: look again."""


CONNECTING_SHARE = 0.4
"""Of the time for a write, the part in which it must have been sent; the API server has the rest.
"""


class Cluster:
    """Kubernetes as the operator needs it; every call is one bounded request.

    `namespace` is the one that is meant where a person names none. Writes pass the `fence`, and
    `DeposedError` comes out where that refuses one. Requests run in `threads`, by default those
    that all of the process share.
    """

    def __init__(
        self,
        api: client.ApiClient,
        *,
        timeout_seconds: float = 10.0,
        namespace: str = "default",
        fence: Fence | None = None,
        threads: Executor | None = None,
    ) -> None:
        self._api = api
        self.namespace = namespace
        self._timeout_seconds = timeout_seconds
        self._threads = threads
        self.fence = fence or Unfenced(timeout_seconds)

    @classmethod
    def connect(
        cls,
        context: str | None = None,
        *,
        timeout_seconds: float = 10.0,
        at_once: int = 10,
    ) -> "Cluster":
        """From `KUBECONFIG` (or a `context` of it) where there is one, else as the pod.

        With threads of its own for so many requests `at_once`: whoever else waits for an answer in
        this process takes none of them. Raises `KubeconfigError`.
        """
        connection = read_connection(context)
        return cls(
            connection.client(connections=at_once),
            timeout_seconds=timeout_seconds,
            namespace=connection.namespace,
            threads=ThreadPoolExecutor(at_once, thread_name_prefix="apiserver"),
        )

    def behind(self, fence: Fence) -> "Cluster":
        """The same cluster, with all writes behind this fence."""
        return Cluster(
            self._api,
            timeout_seconds=self._timeout_seconds,
            namespace=self.namespace,
            fence=fence,
            threads=self._threads,
        )

    def proxy_to(self, service: InCluster) -> ServiceProxy:
        """The way to a Service for who is outside, with the credentials of this client."""
        return service_proxy(self._api.configuration, service)

    async def get(
        self, kind: Kind, namespace: str, name: str, *, subresource: str = ""
    ) -> Object | None:
        """The object, or `None` where it does not exist."""
        try:
            return await self._request("GET", kind.path(namespace, name, subresource))
        except ClusterError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def select(
        self, kind: Kind, namespace: str, labels: Mapping[str, str] | str
    ) -> list[Object]:
        """All objects of `kind` with these labels, in one namespace or (empty) in all.

        `labels` may be a selector as the API writes it.
        """
        selector = (
            labels if isinstance(labels, str) else ",".join(f"{k}={v}" for k, v in labels.items())
        )
        query = [("labelSelector", selector)] if selector else []
        answer = await self._request("GET", kind.path(namespace), query=query)
        header = {"apiVersion": kind.api_version, "kind": kind.name}
        return [header | item for item in answer["items"]]

    async def apply(self, manifest: Object, *, subresource: str = "") -> Object:
        """Server-side apply as the operator's field manager; returns the stored object.

        With a `resourceVersion` in the manifest, only while that is the object's, and with a `uid`
        only to that object: else `ChangedMeanwhileError`.
        """
        metadata = manifest["metadata"]
        path = kind_of(manifest).path(metadata["namespace"], metadata["name"], subresource)
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        with _changed_on(CONFLICT):
            return await self._request("PATCH", path, body=manifest, content=APPLY, query=query)

    async def scale(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        replicas: int,
        *,
        before: int | None = None,
        version: str = "",
    ) -> None:
        """Set the replicas through `/scale`, the same door that `kubectl scale` uses.

        Only while they are still `before`, and the object still of this `version`, where those are
        given: else `ChangedMeanwhileError`, and nothing is set.
        """
        patch: list[Object] = []
        if before is not None:
            # A Scale leaves its replicas out where they are 0; null stands for what is not there.
            patch.append({"op": "test", "path": "/spec/replicas", "value": before or None})
        if version:
            patch.append({"op": "test", "path": "/metadata/resourceVersion", "value": version})
        change = {"op": "add", "path": "/spec/replicas", "value": replicas}
        with _changed_on(CONFLICT, *([TEST_FAILED] if patch else [])):
            await self._patch(kind.path(namespace, name, "scale"), [*patch, change], JSON_PATCH)

    async def mark(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        annotations: Mapping[str, str | None] | None = None,
        version: str = "",
    ) -> str:
        """Set labels and annotations; `None` removes one. Returns the object's version after it.

        Only while the object is there and of this `version`, where that is given: else
        `ChangedMeanwhileError`, and nothing is set.
        """
        metadata: Object = {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
        if version:
            metadata["resourceVersion"] = version
        with _changed_on(*([CONFLICT, NOT_FOUND] if version else [])):
            stored = await self._patch(kind.path(namespace, name), {"metadata": metadata}, MERGE)
        return str(stored["metadata"]["resourceVersion"])

    async def merge_spec(
        self, kind: Kind, namespace: str, name: str, spec: Mapping[str, Any], *, version: str
    ) -> Object:
        """Merge into the spec of an object of this `version`; returns the stored object.

        `ChangedMeanwhileError` where it has another one by now.
        """
        body = {"metadata": {"resourceVersion": version}, "spec": dict(spec)}
        with _changed_on(CONFLICT):
            return await self._patch(kind.path(namespace, name), body, MERGE)

    async def patch_status(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        *,
        resource_version: str,
    ) -> None:
        """Merge into the status of an object of this version.

        `ChangedMeanwhileError` where it has another one by now.
        """
        body = {"metadata": {"resourceVersion": resource_version}, "status": dict(status)}
        with _changed_on(CONFLICT):
            await self._patch(kind.path(namespace, name, "status"), body, MERGE)

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Create an object."""
        return await self._request("POST", kind.path(namespace), body=body)

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows `kind`, e.g. a CRD of another project."""
        return kind.plural in await self.resources(kind.api_version)

    async def resources(self, api_version: str) -> dict[str, str]:
        """Kinds by the resource, or subresource, that serves them: `deployments/scale`: `Scale`.

        Empty where the API server does not know the version.
        """
        try:
            answer = await self._request("GET", Kind("", api_version, "").root)
        except ClusterError as error:
            if error.status == NOT_FOUND:
                return {}
            raise
        return {resource["name"]: resource["kind"] for resource in answer["resources"]}

    async def _patch(self, path: str, body: Object | list[Object], content: str) -> Object:
        query = [("fieldManager", FIELD_MANAGER)]
        return await self._request("PATCH", path, body=body, content=content, query=query)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Object | list[Object] | None = None,
        content: str = "application/json",
        query: list[tuple[str, str]] | None = None,
    ) -> Object:
        request = (method, path, body, content, query or [])
        loop = asyncio.get_running_loop()
        if method == "GET":
            return await loop.run_in_executor(self._threads, self._send, *request)
        return await loop.run_in_executor(self._threads, self._write, *request)

    def _write(
        self,
        method: str,
        path: str,
        body: Object | list[Object] | None,
        content: str,
        query: list[tuple[str, str]],
    ) -> Object:
        """Send what the fence lets pass, to have had its effect within the fence's time or none.

        The API server gives up a request by itself after the `timeout` that is asked for.
        """
        seconds = self.fence.write_seconds
        server = ("timeout", f"{1000 * (1 - CONNECTING_SHARE) * seconds:.0f}ms")
        with self.fence.writing():
            timeout = (CONNECTING_SHARE * seconds, seconds)
            return self._send(method, path, body, content, [*query, server], timeout)

    def _send(
        self,
        method: str,
        path: str,
        body: Object | list[Object] | None,
        content: str,
        query: list[tuple[str, str]],
        timeout: float | tuple[float, float] | None = None,
    ) -> Object:
        prepared = self._api.param_serialize(
            method,
            path,
            query_params=query,
            header_params={"Accept": "application/json", "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(
                *prepared, _request_timeout=timeout or self._timeout_seconds
            )
            raw = response.read()
        except ApiException as error:
            raise ClusterError(int(error.status or 0), _explanation(error.body)) from error
        except (HTTPError, OSError) as error:  # the latter of a key or certificate that is none
            raise ClusterError(0, f"the API server does not answer: {error}") from error
        if not 200 <= response.status <= 299:
            raise ClusterError(response.status, _explanation(raw))
        answer: Object = json.loads(raw)
        return answer


@contextmanager
def _changed_on(*statuses: int) -> Iterator[None]:
    """Tell those answers that a write's own condition gives from all others."""
    try:
        yield
    except ClusterError as error:
        if error.status in statuses:
            raise ChangedMeanwhileError(error.status, error.message) from error
        raise


def _explanation(body: bytes | str | None) -> str:
    """The message of a `Status` object, else the body itself."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else (body or "")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
