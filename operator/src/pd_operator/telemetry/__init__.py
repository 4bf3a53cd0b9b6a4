"""Prometheus, engines and pods to observations.

Whatever reads the world belongs here, and ends here: PromQL, `/v1/loads` and Kubernetes' JSON go no
further. Every reading is known, with its age, or unknown, with the reason; a missing one is never a
zero, and nothing is ever decided or changed here.
"""
