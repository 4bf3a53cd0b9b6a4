"""Policies that size the pools, side by side: the same loads, the same telemetry, one score."""
