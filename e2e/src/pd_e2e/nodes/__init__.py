"""Nodes that run pods as processes.

What a kubelet and a container runtime do belongs here, as far as pods of this project need it:
images by name, probes, volumes, grace periods, restarts, lost nodes. What the pods are never
matters here.
"""
