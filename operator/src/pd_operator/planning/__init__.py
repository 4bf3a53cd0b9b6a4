"""Demand and performance to workers: queueing, pool sizes, the P/D ratio.

Belongs here whatever follows from one load, one engine and one set of objectives, in milliseconds.
What was decided before, what runs now, and what may change how fast is never known here: that is
`scaling`.
"""
