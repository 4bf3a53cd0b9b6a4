"""Prometheus and engines to observations."""
