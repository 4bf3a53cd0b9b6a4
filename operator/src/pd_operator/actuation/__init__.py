"""Decision to cluster: children, replicas, drains."""
