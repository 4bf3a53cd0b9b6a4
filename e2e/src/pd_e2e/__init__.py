"""A whole P/D service on one Linux machine: control plane, nodes, engines, load."""
