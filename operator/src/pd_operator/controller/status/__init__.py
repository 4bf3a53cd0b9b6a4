"""What a tick tells people and programs: status, conditions, Events, metrics.

Everything here starts from one `TickResult` and only formats and publishes it. Nothing here reads
the cluster or an engine, decides, or imports a step of `controller.tick`.
"""
