"""The images of this repository, as programs of the running Python environment."""

import sys
from pathlib import Path
from typing import Any

_ENVIRONMENT = Path(sys.executable).parent
_IMAGES_DIRECTORY = Path(__file__).resolve().parents[4] / "images"


def repository_images() -> dict[str, dict[str, Any]]:
    """Return the catalog of a process node: operator, engine simulator, router and Python."""
    programs = str(_ENVIRONMENT)
    return {
        "pd-operator/operator": {"path": [programs], "entrypoint": ["pd-operator"]},
        "pd-operator/worker-table": {"path": [programs], "entrypoint": ["pd-operator"]},
        # `sglang` of images/ starts the simulator, as it does in the image built there.
        "pd-operator/engine-simulator": {
            "path": [str(_IMAGES_DIRECTORY), programs],
            "entrypoint": ["sglang", "serve"],
        },
        "lightseekorg/smg": {"path": [programs], "entrypoint": ["smg"]},
        "python": {"path": [programs], "env": {"PYTHONUNBUFFERED": "1"}},
    }
