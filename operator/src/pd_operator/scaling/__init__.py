"""From plans to a decision: what changes, how fast, and why."""
