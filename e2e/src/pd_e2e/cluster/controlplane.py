"""A real Kubernetes control plane on loopback, as a context manager."""

import secrets
import shutil
import sys
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

from kubernetes import client, config

from pd_e2e.cluster import flags
from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.commands import ClusterCommands
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.kubeconfig import kubeconfig_text, new_signing_key, write_private
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import free_ports
from pd_e2e.cluster.progress import Progress, SilentProgress, step
from pd_e2e.cluster.waiting import eventually


class UnsupportedPlatformError(RuntimeError):
    """The embedded cluster needs Linux."""


def require_linux() -> None:
    """Raise UnsupportedPlatformError, which names the way over kind, anywhere but on Linux."""
    if sys.platform != "linux":
        raise UnsupportedPlatformError(
            "The embedded cluster gives every pod a loopback address of its own, which only Linux "
            f"does without set-up; this is {sys.platform}. The way over kind: docs/kind.md."
        )


class ControlPlane:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

    Entering starts them on free ports of 127.0.0.1 and returns when the API answers and the default
    service account exists; leaving stops them, also after an exception or Ctrl-C. If this process
    is killed, they are killed too. All files, logs among them, are in `directory`; the cluster
    starts empty even if an earlier one's are there.

    RBAC is on; the admin of `kubeconfig` is in system:masters.
    """

    def __init__(
        self,
        programs: Programs,
        directory: Path,
        *,
        node_grace_seconds: int = 40,
        controller_writes_per_second: int = 20,
        progress: Progress | None = None,
    ) -> None:
        """Prepare, without starting anything.

        A node whose agent is silent for `node_grace_seconds` becomes NotReady. Kubernetes' own
        controllers send at most `controller_writes_per_second`, and half as many more in a burst.

        Raises:
            UnsupportedPlatformError: this is not Linux.

        """
        require_linux()
        self._programs = programs
        self._progress = progress or SilentProgress()
        self._node_grace_seconds = node_grace_seconds
        self._controller_writes_per_second = controller_writes_per_second
        ports = free_ports(3)
        self.layout = flags.Layout(directory.resolve(), *ports)
        self.commands = ClusterCommands(programs, self.kubeconfig, self.layout.directory / "home")
        self._admin_token = secrets.token_hex(16)
        self._stack = ExitStack()

    @property
    def directory(self) -> Path:
        """Where data, certificates, kubeconfigs and logs are."""
        return self.layout.directory

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig file."""
        return self.layout.kubeconfig

    @cached_property
    def admin(self) -> client.ApiClient:
        """The official client with the admin's rights."""
        admin: client.ApiClient = config.new_client_from_config(config_file=str(self.kubeconfig))
        return admin

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        """Run kubectl as admin and return its output; raise CommandError where it fails."""
        return self.commands.kubectl(*arguments, input_text=input_text)

    def serve_crds(self, manifests: Path) -> None:
        """Apply the CRDs of a file or folder, and wait until their kinds are served."""
        which = f"--filename={manifests}"
        self.kubectl("apply", "--server-side", "--force-conflicts", which)
        # Right after it was made a CRD has no conditions yet, which kubectl takes for an error.
        eventually(lambda: self.kubectl("wait", "--for=condition=Established", which))

    def helm(self, *arguments: str) -> str:
        """Run helm as admin and return its output; raise CommandError where it fails."""
        return self.commands.helm(*arguments)

    def kubeconfig_for(self, namespace: str, service_account: str, hours: int = 24) -> Path:
        """Mint a token for a service account and return a kubeconfig that uses it."""
        request = client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=hours * 3600)
        )
        core = client.CoreV1Api(self.admin)
        answer = core.create_namespaced_service_account_token(service_account, namespace, request)
        if answer.status is None or answer.status.token is None:
            raise RuntimeError(f"no token for service account {namespace}/{service_account}")
        path = self.directory / "kubeconfigs" / f"{namespace}.{service_account}.kubeconfig"
        return self._write_kubeconfig(path, answer.status.token)

    def stop_apiserver(self) -> None:
        """Take the API server down, as an outage does: everything else keeps running."""
        self._apiserver.kill()

    def start_apiserver(self) -> None:
        """Bring the API server back on the same port, and wait until it is ready."""
        self._apiserver.start()
        self._await_ready()

    def restart_apiserver(self) -> None:
        """End the API server in order, start it again on the same port, and wait for it."""
        self._apiserver.stop()
        self.start_apiserver()

    def apiserver_paused(self) -> AbstractContextManager[None]:
        """The API server hangs for the length of a block: it takes connections, and no more."""
        return self._apiserver.paused()

    def controllers_paused(self) -> AbstractContextManager[None]:
        """The controllers are late for the length of a block: Deployments and ReplicaSets wait."""
        return self._controller_manager.paused()

    def __enter__(self) -> Self:
        name = "starting the control plane"
        with step(self._progress, name, expected_seconds=10), ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        if "admin" in self.__dict__:
            self.admin.close()
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        layout = self.layout
        layout.directory.mkdir(parents=True, exist_ok=True)
        # An earlier run's state has other ports, keys and tokens in it.
        for stale in (layout.etcd_data, layout.certificates):
            shutil.rmtree(stale, ignore_errors=True)
        write_private(layout.signing_key, new_signing_key())
        write_private(layout.tokens, f'{self._admin_token},admin,admin,"system:masters"\n')
        lifeline = stack.enter_context(Lifeline())

        self._launch(stack, lifeline, Program.ETCD, flags.etcd_flags(layout))
        self._apiserver = self._launch(
            stack, lifeline, Program.KUBE_APISERVER, flags.apiserver_flags(layout)
        )
        eventually(self._certificate_written)
        self._write_kubeconfig(self.kubeconfig, self._admin_token)
        self._await_ready()
        self._controller_manager = self._launch(
            stack,
            lifeline,
            Program.KUBE_CONTROLLER_MANAGER,
            flags.controller_manager_flags(
                layout, self._node_grace_seconds, self._controller_writes_per_second
            ),
        )
        self._launch(stack, lifeline, Program.KUBE_SCHEDULER, flags.scheduler_flags(layout))
        eventually(self._default_service_account, timeout_seconds=60)

    def _launch(
        self, stack: ExitStack, lifeline: Lifeline, program: Program, arguments: list[str]
    ) -> Daemon:
        log = self.directory / f"{program}.log"
        daemon = Daemon([self._programs[program], *arguments], log, lifeline)
        daemon.start()
        # Last started, first stopped: nothing loses the server it talks to.
        stack.callback(daemon.stop)
        return daemon

    def _certificate_written(self) -> bool:
        self._apiserver.check_alive()
        return self.layout.certificate_authority.exists()

    def _await_ready(self) -> None:
        eventually(self._ready, timeout_seconds=90)

    def _ready(self) -> bool:
        self._apiserver.check_alive()
        return self.kubectl("get", "--raw=/readyz", "--request-timeout=5s") == "ok"

    def _default_service_account(self) -> object:
        return client.CoreV1Api(self.admin).read_namespaced_service_account("default", "default")

    def _write_kubeconfig(self, path: Path, token: str) -> Path:
        authority = self.layout.certificate_authority.read_bytes()
        return write_private(path, kubeconfig_text(self.layout.server, authority, token))
