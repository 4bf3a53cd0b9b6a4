"""An open-loop load generator that replays traces.

`schedule` says when which request arrives, `scenario` builds schedules from the bundled trace, a
file of requests or a steady rate, `replay` sends them without ever waiting for an answer, and
`records` holds what the client saw of each. The load never waits for what is served, and nothing
here knows an engine or a cluster.
"""
