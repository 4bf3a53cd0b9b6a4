"""What the downward API tells a container about its pod."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from pd_e2e.nodes.api import Json

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
}


class UnknownFieldError(ValueError):
    """The downward API has no such field, or this node does not offer it."""


@dataclass(frozen=True)
class PodFacts:
    """A pod and where it runs."""

    pod: Json
    pod_ip: str
    host_ip: str
    allocatable: Mapping[str, str]
    """The node's, for limits that a container does not state."""

    def field(self, path: str) -> str:
        """Return the value of a fieldRef; raise UnknownFieldError where there is none."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        if subscript := _SUBSCRIPT.fullmatch(path):
            return str(metadata.get(subscript.group(1), {}).get(subscript.group(2), ""))
        fields = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.podIP": self.pod_ip,
            "status.podIPs": self.pod_ip,
            "status.hostIP": self.host_ip,
            "status.hostIPs": self.host_ip,
        }
        if path not in fields:
            raise UnknownFieldError(f"unsupported fieldPath {path!r}")
        return str(fields[path])

    def mapping(self, path: str) -> str:
        """Return what a downward API *volume* writes for a path: whole maps are allowed there."""
        for name in ("labels", "annotations"):
            if path == f"metadata.{name}":
                entries = self.pod["metadata"].get(name, {})
                return "\n".join(f'{key}="{value}"' for key, value in sorted(entries.items()))
        return self.field(path)

    def resource(self, container: Json, reference: Json) -> str:
        """Return the value of a resourceFieldRef, rounded up in units of its divisor."""
        kind, _, name = reference["resource"].partition(".")
        amounts = container.get("resources", {}).get(kind, {})
        amount = amounts.get(name) or self.allocatable.get(name, "0")
        divisor = quantity(reference.get("divisor") or "0") or Decimal(1)
        return str(int((quantity(amount) / divisor).to_integral_value(ROUND_UP)))


def quantity(text: str) -> Decimal:
    """Return the value of a Kubernetes quantity like `500m` or `16Gi`."""
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text))
    if found is None or (found.group(2) and found.group(2) not in _SUFFIXES):
        raise ValueError(f"not a quantity: {text!r}")
    return Decimal(found.group(1)) * _SUFFIXES.get(found.group(2), Decimal(1))
