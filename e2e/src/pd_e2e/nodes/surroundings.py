"""Everything that surrounds a pod's containers: address, volumes, credentials, variables."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.nodes.actions import ActionRunner
from pd_e2e.nodes.api import Json, KubeApi
from pd_e2e.nodes.credentials import has_credentials
from pd_e2e.nodes.environment import Contents, Reference, references, variables
from pd_e2e.nodes.expansion import expand
from pd_e2e.nodes.images import Image, ImageCatalog
from pd_e2e.nodes.mounts import PathMap
from pd_e2e.nodes.podfacts import PodFacts
from pd_e2e.nodes.process import Command
from pd_e2e.nodes.volumes import read_data


class UnknownImageError(Exception):
    """The node's catalog has no such image."""


@dataclass(frozen=True)
class Services:
    """What all pods of an agent share."""

    api: KubeApi
    images: ImageCatalog
    probes: aiohttp.ClientSession
    lifeline: Lifeline


@dataclass(frozen=True)
class Launch:
    """A container ready to start."""

    command: Command
    actions: ActionRunner


@dataclass(frozen=True)
class Surroundings:
    """Prepares the containers of one pod."""

    services: Services
    facts: PodFacts
    volumes: Mapping[str, Path]
    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the pod's service account."""
        return self.directory / "kubeconfig"

    def log(self, container: str) -> Path:
        """The container's output."""
        return self.directory / f"{container}.log"

    def keep_previous_log(self, container: str) -> None:
        """Set the log of a container's last life aside, as `kubectl logs --previous` shows it."""
        if self.log(container).exists():
            self.log(container).replace(self.directory / f"{container}.previous.log")

    async def prepare(self, container: Json) -> Launch:
        """Resolve image, environment and command line of a container.

        Raises:
            UnknownImageError: its image is not in the catalog.
            MissingReferenceError, UnknownFieldError: a variable cannot be resolved.
            ApiError, ApiUnavailableError: the API server did not give out what is referenced.

        """
        image = self.services.images.find(container["image"])
        if image is None:
            raise UnknownImageError(f'no such image on this node: "{container["image"]}"')
        work = self.directory / "work" / container["name"]
        work.mkdir(parents=True, exist_ok=True)
        paths = self._path_map(container)
        base = self._base_variables(container, image, work)
        plain = variables(container, self.facts, base, await self._contents(container))
        environment = {key: paths.rewrite(value) for key, value in plain.items()}
        directory = (
            Path(paths.rewrite(container["workingDir"])) if "workingDir" in container else work
        )

        def command(arguments: list[str]) -> Command:
            rewritten = [paths.rewrite(argument) for argument in arguments]
            program = shutil.which(rewritten[0], path=environment["PATH"]) or rewritten[0]
            return Command([program, *rewritten[1:]], environment, directory)

        entry = [expand(part, plain) for part in container.get("command") or image.entrypoint]
        arguments = [expand(part, plain) for part in container.get("args") or ()]
        named = {p["name"]: p["containerPort"] for p in container.get("ports", ()) if "name" in p}
        actions = ActionRunner(
            session=self.services.probes,
            lifeline=self.services.lifeline,
            pod_ip=self.facts.pod_ip,
            ports=named,
            command=command,
            scratch=work,
        )
        return Launch(command([*entry, *arguments]), actions)

    def _base_variables(self, container: Json, image: Image, work: Path) -> dict[str, str]:
        base = {
            "PATH": os.pathsep.join([*image.path, os.environ.get("PATH", os.defpath)]),
            "HOME": str(work),
            "HOSTNAME": self.facts.pod["metadata"]["name"],
            "LANG": "C.UTF-8",
        }
        if has_credentials(container):
            base["KUBECONFIG"] = str(self.kubeconfig)
        return base | dict(image.env or {})

    def _path_map(self, container: Json) -> PathMap:
        mounts = {}
        for mount in container.get("volumeMounts", ()):
            directory = self.volumes[mount["name"]]
            mounts[mount["mountPath"]] = directory / mount.get("subPath", "")
        return PathMap(mounts)

    async def _contents(self, container: Json) -> Contents:
        namespace = self.facts.pod["metadata"]["namespace"]
        found: dict[Reference, Mapping[str, str] | None] = {}
        for reference in references(container):
            data = await read_data(self.services.api, reference.plural, namespace, reference.name)
            as_text = {key: value.decode() for key, value in (data or {}).items()}
            found[reference] = None if data is None else as_text
        return found
