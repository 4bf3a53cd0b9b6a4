"""A whole P/D service on one Linux machine: control plane, nodes, engines, load.

The test bench belongs here: what stands in for machines, GPUs and clients, so that tests and the
demo run the real API server, router and operator. The product never imports it, and it never
stands in for anything of the product.
"""
