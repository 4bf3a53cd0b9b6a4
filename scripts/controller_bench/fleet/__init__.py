"""Hundreds of services and thousands of pods with one operator: what that costs it."""
