"""A real Kubernetes control plane and Prometheus on loopback.

Building the programs from pinned sources, starting and stopping them belongs here. What runs in
the cluster never does: that is `nodes`.
"""
