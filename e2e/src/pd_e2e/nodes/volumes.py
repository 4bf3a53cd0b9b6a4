"""A pod's volumes as directories of this machine.

Supported: emptyDir, hostPath, configMap, secret, downwardAPI, and projected volumes of those and of
service account tokens. Contents are written when the pod starts; of later changes only tokens are.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pd_e2e.cluster.kubeconfig import write_private
from pd_e2e.nodes.api import ApiError, Json, KubeApi
from pd_e2e.nodes.credentials import TokenIssuer
from pd_e2e.nodes.environment import MissingReferenceError
from pd_e2e.nodes.podfacts import PodFacts, UnknownFieldError


@dataclass(frozen=True)
class TokenFile:
    """A service account token that a volume shows, to be renewed before it expires."""

    path: Path
    audience: str | None

    async def write(self, issuer: TokenIssuer) -> None:
        """Write a fresh token."""
        write_private(self.path, await issuer.mint(self.audience))


@dataclass
class PodVolumes:
    """Makes the volumes of one pod under `root`."""

    api: KubeApi
    facts: PodFacts
    issuer: TokenIssuer
    root: Path
    directories: dict[str, Path] = field(default_factory=dict)
    tokens: list[TokenFile] = field(default_factory=list)

    async def prepare(self) -> None:
        """Make every volume of the spec.

        Raises:
            MissingReferenceError: a ConfigMap or Secret, or a key of it, does not exist.
            UnknownFieldError: a downward API item asks for what this node does not offer.
            ApiError, ApiUnavailableError: the API server did not give one out.

        """
        self.tokens.clear()
        for volume in self.facts.pod["spec"].get("volumes", ()):
            name = volume["name"]
            if "hostPath" in volume:
                self.directories[name] = Path(volume["hostPath"]["path"])
                continue
            directory = self.root / name
            directory.mkdir(parents=True, exist_ok=True)
            self.directories[name] = directory
            for source in _sources(volume):
                await self._fill(directory, source)

    async def _fill(self, directory: Path, source: Json) -> None:
        if "configMap" in source:
            await self._fill_from_object(directory, "configmaps", source["configMap"])
        elif "secret" in source:
            await self._fill_from_object(directory, "secrets", source["secret"])
        elif "downwardAPI" in source:
            for item in source["downwardAPI"].get("items", ()):
                if "fieldRef" not in item:
                    raise UnknownFieldError(
                        f"{item['path']}: only fieldRef is supported in volumes"
                    )
                value = self.facts.mapping(item["fieldRef"]["fieldPath"])
                write_private(directory / item["path"], value)
        elif "serviceAccountToken" in source:
            token = source["serviceAccountToken"]
            file = TokenFile(directory / token["path"], token.get("audience"))
            await file.write(self.issuer)
            self.tokens.append(file)

    async def _fill_from_object(self, directory: Path, plural: str, source: Json) -> None:
        name = source.get("name") or source["secretName"]
        data = await read_data(self.api, plural, self.facts.pod["metadata"]["namespace"], name)
        optional = source.get("optional", False)
        if data is None:
            if optional:
                return
            raise MissingReferenceError(f'{plural[:-1]} "{name}" not found')
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            if item["key"] in data:
                path = directory / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data[item["key"]])
            elif not optional:
                message = f"references non-existent key: {item['key']}"
                raise MissingReferenceError(f'{plural[:-1]} "{name}" {message}')


async def read_data(
    api: KubeApi, plural: str, namespace: str, name: str
) -> dict[str, bytes] | None:
    """Return the data of a ConfigMap or Secret, or None where it does not exist."""
    try:
        found = await api.get(f"/api/v1/namespaces/{namespace}/{plural}/{name}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    plain = found.get("data") or {}
    if plural == "secrets":
        return {key: base64.b64decode(value) for key, value in plain.items()}
    encoded = found.get("binaryData") or {}
    return {key: value.encode() for key, value in plain.items()} | {
        key: base64.b64decode(value) for key, value in encoded.items()
    }


def _sources(volume: Json) -> Iterable[Json]:
    if "projected" in volume:
        return list(volume["projected"].get("sources") or ())
    if not {"emptyDir", "configMap", "secret", "downwardAPI"} & volume.keys():
        kinds = sorted(volume.keys() - {"name"})
        raise MissingReferenceError(f"volume {volume['name']}: {kinds} are not supported here")
    return [volume]
