"""A chart as an OCI image layout, in the media types that Helm reads.

Sources: OCI image layout 1.0.0; Helm's "Use OCI-based registries". A registry gets it by
`crane push` or `skopeo copy oci:...`, and `helm install oci://...` then finds the chart there.
"""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.cncf.helm.config.v1+json"
CHART_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def write_layout(package: Path, layout: Path) -> None:
    """Write the layout of a chart package (.tgz) into a new folder."""
    metadata = _metadata(package)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _blob(layout, CONFIG_TYPE, json.dumps(metadata).encode()),
        "layers": [_blob(layout, CHART_TYPE, package.read_bytes())],
        "annotations": {
            "org.opencontainers.image.title": metadata["name"],
            "org.opencontainers.image.version": metadata["version"],
            "org.opencontainers.image.description": metadata["description"],
        },
    }
    entry = _blob(layout, MANIFEST_TYPE, json.dumps(manifest).encode())
    # A tag may hold no plus, which Helm writes as an underscore.
    tag = str(metadata["version"]).replace("+", "_")
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    index = {"schemaVersion": 2, "manifests": [entry]}
    (layout / "index.json").write_text(json.dumps(index), "utf-8")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', "utf-8")


def _metadata(package: Path) -> dict[str, Any]:
    """Chart.yaml of a package."""
    with tarfile.open(package) as tar:
        (name,) = [each for each in tar.getnames() if each.count("/") == 1 and "Chart.yaml" in each]
        file = tar.extractfile(name)
        if file is None:
            raise ValueError(f"{package}: {name} is no file")
        metadata: dict[str, Any] = yaml.safe_load(file.read())
        return metadata


def _blob(layout: Path, media_type: str, content: bytes) -> dict[str, Any]:
    """Store a blob under its digest, and describe it."""
    digest = hashlib.sha256(content).hexdigest()
    path = layout / "blobs" / "sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
