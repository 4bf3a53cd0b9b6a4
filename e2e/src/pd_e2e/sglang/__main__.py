"""`python -m pd_e2e.sglang FOLDER`: write the tiny model's files there."""

import sys
from pathlib import Path

from pd_e2e.sglang.tiny_model import write_tiny_model

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m pd_e2e.sglang FOLDER")
    write_tiny_model(Path(sys.argv[1]))
