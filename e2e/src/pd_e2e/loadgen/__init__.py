"""An open-loop load generator that replays traces."""
