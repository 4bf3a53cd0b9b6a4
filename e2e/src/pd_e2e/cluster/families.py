"""The programs of the embedded cluster, and the Go modules that pin and build them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

MODULES_DIRECTORY = Path(__file__).resolve().parents[3] / "controlplane"


class Program(StrEnum):
    """A program of the embedded cluster, by the name of its executable."""

    ETCD = "etcd"
    KUBE_APISERVER = "kube-apiserver"
    KUBE_CONTROLLER_MANAGER = "kube-controller-manager"
    KUBE_SCHEDULER = "kube-scheduler"
    KUBECTL = "kubectl"
    HELM = "helm"
    PROMETHEUS = "prometheus"
    PROMTOOL = "promtool"
    KUBECONFORM = "kubeconform"
    REGISTRY = "registry"
    KWOK = "kwok"


WANTED_ALWAYS = tuple(program for program in Program if program is not Program.KWOK)
"""What demo and tests use; kwok serves a benchmark alone, which asks for it by name."""


@dataclass(frozen=True)
class Family:
    """Programs that come from one module, and are built together.

    The version lives in the `go.mod` of `directory` and nowhere else.
    """

    name: str
    module: str
    packages: Mapping[Program, str]
    cold_build_seconds: float
    """With an empty Go build cache on two cores, downloads included."""
    tags: tuple[str, ...] = ()
    version_variables: Mapping[str, str] = field(default_factory=dict)
    """Go variables set by the linker; `{version}`, `{major}`, `{minor}` are filled in."""

    @property
    def directory(self) -> Path:
        """Where the family's go.mod lies."""
        return MODULES_DIRECTORY / self.name

    @property
    def version(self) -> str:
        """The pinned module version, for instance `v1.36.3`."""
        return _directive(self.directory, rf"{re.escape(self.module)} (v\S+)")

    @property
    def go_version(self) -> str:
        """The oldest Go that builds the family, for instance `1.26.0`."""
        return _directive(self.directory, r"go (\d+\.\d+\S*)")

    @property
    def expected_build_seconds(self) -> float:
        """The cold build on this machine's cores; linking does not get faster with more of them."""
        cores = os.cpu_count() or 1
        return self.cold_build_seconds * max(0.25, 2 / cores)

    def build_flags(self) -> list[str]:
        """Flags of `go build`.

        Without its version variables a kube-apiserver reports v0.0.0, and clients misbehave.
        """
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        settings = [
            f"-X {name}={value.format(version=self.version, major=major, minor=minor)}"
            for name, value in self.version_variables.items()
        ]
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", " ".join(["-s -w", *settings])]
        return [*flags, "-tags", ",".join(self.tags)] if self.tags else flags


FAMILIES = (
    Family(
        name="kubernetes",
        module="k8s.io/kubernetes",
        packages={
            Program.KUBE_APISERVER: "k8s.io/kubernetes/cmd/kube-apiserver",
            Program.KUBE_CONTROLLER_MANAGER: "k8s.io/kubernetes/cmd/kube-controller-manager",
            Program.KUBE_SCHEDULER: "k8s.io/kubernetes/cmd/kube-scheduler",
            Program.KUBECTL: "k8s.io/kubernetes/cmd/kubectl",
        },
        cold_build_seconds=275,
        version_variables={
            "k8s.io/component-base/version.gitVersion": "{version}",
            "k8s.io/component-base/version.gitMajor": "{major}",
            "k8s.io/component-base/version.gitMinor": "{minor}",
        },
    ),
    Family(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        packages={Program.ETCD: "go.etcd.io/etcd/server/v3"},
        cold_build_seconds=25,
    ),
    Family(
        name="helm",
        module="helm.sh/helm/v4",
        packages={Program.HELM: "helm.sh/helm/v4/cmd/helm"},
        cold_build_seconds=90,
    ),
    Family(
        name="prometheus",
        module="github.com/prometheus/prometheus",
        packages={
            Program.PROMETHEUS: "github.com/prometheus/prometheus/cmd/prometheus",
            Program.PROMTOOL: "github.com/prometheus/prometheus/cmd/promtool",
        },
        cold_build_seconds=120,
        # Service discovery of every cloud would double the build; pods are all we discover.
        tags=("remove_all_sd", "enable_kubernetes_sd", "slicelabels"),
    ),
    Family(
        name="kubeconform",
        module="github.com/yannh/kubeconform",
        packages={Program.KUBECONFORM: "github.com/yannh/kubeconform/cmd/kubeconform"},
        cold_build_seconds=3,
    ),
    Family(
        name="registry",
        module="github.com/distribution/distribution/v3",
        packages={Program.REGISTRY: "github.com/distribution/distribution/v3/cmd/registry"},
        cold_build_seconds=60,
    ),
    Family(
        name="kwok",
        module="sigs.k8s.io/kwok",
        packages={Program.KWOK: "sigs.k8s.io/kwok/cmd/kwok"},
        cold_build_seconds=60,
    ),
)


def _directive(module_directory: Path, pattern: str) -> str:
    go_mod = module_directory / "go.mod"
    match = re.search(rf"^(?:require )?\s*{pattern}\s*$", go_mod.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{go_mod} has no line like {pattern!r}")
    return match.group(1)
