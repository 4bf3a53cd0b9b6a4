"""Service account tokens of pods, and the kubeconfigs that carry them."""

from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.kubeconfig import kubeconfig_text, write_private
from pd_e2e.nodes.api import Json, KubeApi

TOKEN_SECONDS = 24 * 3600
"""Life of a token. A client that reads its kubeconfig only once should live that long."""

SERVICE_ACCOUNT_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True)
class TokenIssuer:
    """Mints tokens for one pod's service account; they die with the pod."""

    api: KubeApi
    pod: Json

    async def mint(self, audience: str | None = None) -> str:
        """Return a fresh token; raise ApiError or ApiUnavailableError where there is none."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        account = spec.get("serviceAccountName") or "default"
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        request = {
            "audiences": [audience] if audience else [],
            "expirationSeconds": TOKEN_SECONDS,
            "boundObjectRef": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        }
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": request,
        }
        answer = await self.api.create(path, body)
        return str(answer["status"]["token"])

    async def write_kubeconfig(self, path: Path) -> None:
        """Write a kubeconfig with a fresh token."""
        access = self.api.access
        token = await self.mint()
        write_private(path, kubeconfig_text(access.server, access.certificate_authority, token))


def has_credentials(container: Json) -> bool:
    """Whether the container gets its pod's service account, as admission decided it."""
    mounts = container.get("volumeMounts", ())
    return any(mount["mountPath"] == SERVICE_ACCOUNT_MOUNT for mount in mounts)
