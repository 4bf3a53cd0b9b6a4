"""A real Kubernetes control plane and Prometheus on loopback."""
