"""Kopf watches, the supervisor loop, status, Events, own metrics and probes."""
