"""The command lines of the control plane's programs."""

from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.ports import LOOPBACK

_CONTROLLERS_OFF = (
    "node-ipam-controller",
    "cloud-node-lifecycle-controller",
    "service-lb-controller",
    "node-route-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
)
"""Controllers that need a cloud, or give addresses to nodes, have nothing to do here. Endpoints
refuse loopback addresses, which is what pods have, and would only be retried for ever.
"""


_ADVERTISED_ADDRESS = "192.0.2.1"
"""The address under which the `kubernetes` Service would advertise this server. It may not be a
loopback one, nobody uses it, and without it a machine with no network could not start.
"""


@dataclass(frozen=True)
class Layout:
    """Ports and files of one control plane."""

    directory: Path
    etcd_port: int
    etcd_peer_port: int
    apiserver_port: int

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{LOOPBACK}:{self.apiserver_port}"

    @property
    def etcd_url(self) -> str:
        """URL of etcd for its clients."""
        return f"http://{LOOPBACK}:{self.etcd_port}"

    @property
    def etcd_data(self) -> Path:
        """Directory of etcd's data."""
        return self.directory / "etcd"

    @property
    def certificates(self) -> Path:
        """Directory in which the API server puts its self-signed certificate."""
        return self.directory / "certificates"

    @property
    def certificate_authority(self) -> Path:
        """The certificate that clients trust; it exists once the API server has started."""
        return self.certificates / "apiserver.crt"

    @property
    def certificate_key(self) -> Path:
        """The key of that certificate, which the nodes share."""
        return self.certificates / "apiserver.key"

    @property
    def signing_key(self) -> Path:
        """Key that signs service account tokens."""
        return self.directory / "service-account.key"

    @property
    def tokens(self) -> Path:
        """File of static tokens, in which the admin stands."""
        return self.directory / "tokens.csv"

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig."""
        return self.directory / "admin.kubeconfig"


def etcd_flags(layout: Layout) -> list[str]:
    """Flags of an etcd whose data need not outlive the machine."""
    peers = f"http://{LOOPBACK}:{layout.etcd_peer_port}"
    return [
        f"--data-dir={layout.etcd_data}",
        f"--listen-client-urls={layout.etcd_url}",
        f"--advertise-client-urls={layout.etcd_url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_flags(layout: Layout) -> list[str]:
    """Flags of a kube-apiserver with RBAC and real service account tokens."""
    return [
        f"--etcd-servers={layout.etcd_url}",
        f"--cert-dir={layout.certificates}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={layout.apiserver_port}",
        f"--advertise-address={_ADVERTISED_ADDRESS}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
    ]


def controller_manager_flags(
    layout: Layout, node_grace_seconds: int, writes_per_second: int
) -> list[str]:
    """Flags of a kube-controller-manager; a node silent for the grace period is NotReady."""
    controllers = ",".join(["*", *(f"-{name}" for name in _CONTROLLERS_OFF)])
    return [
        f"--kubeconfig={layout.kubeconfig}",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.certificate_authority}",
        f"--controllers={controllers}",
        f"--node-monitor-grace-period={node_grace_seconds}s",
        f"--node-monitor-period={max(1, node_grace_seconds // 8)}s",
        f"--kube-api-qps={writes_per_second}",
        f"--kube-api-burst={writes_per_second * 3 // 2}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def scheduler_flags(layout: Layout) -> list[str]:
    """Flags of a kube-scheduler."""
    return [f"--kubeconfig={layout.kubeconfig}", "--leader-elect=false", "--secure-port=0"]
