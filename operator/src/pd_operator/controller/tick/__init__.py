"""What one tick does, a file for each step that `service_loop.py` names.

Here belongs what reads the cluster, Prometheus and the engines, what learns from them between
ticks, and what carries a decision out. What decides never stands here: it is pure, and lives in
`scaling`. What tells people of a tick stands in `controller.status`, which knows none of this.
"""
