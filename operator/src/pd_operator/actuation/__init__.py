"""Decision to cluster: children, replicas, drains.

What changes workers belongs here: the manifests of the children and their server-side apply, the
steps of a drain, `/scale`, and the one client of the API server that all else uses. How many
workers there should be is never asked here, and no metric is read: a decision comes in, and steps
go out.
"""
