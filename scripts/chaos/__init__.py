"""Faults of everything that a service depends on, under load, and what they cost."""
