"""Nodes that run pods as processes."""
