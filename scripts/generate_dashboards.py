"""Writes the chart's Grafana dashboards: `python -m scripts.generate_dashboards [FOLDER]`."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from scripts.dashboards import fleet, operator_health, slo_attainment

BOARDS = {"slo-attainment": slo_attainment, "fleet": fleet, "operator": operator_health}
CHART = Path(__file__).parent.parent / "charts" / "pd-operator" / "dashboards"


def main(folder: Path = CHART) -> None:
    """Write every dashboard into the folder, as stable text: a drift test compares it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, board in BOARDS.items():
        text = json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
