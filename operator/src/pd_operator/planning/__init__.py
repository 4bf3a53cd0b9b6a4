"""Demand and performance to workers: queueing, pool sizes, the P/D ratio."""
