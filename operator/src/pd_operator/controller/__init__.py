"""The process: Kopf watches, a supervisor runs a loop per service, status tells what came of it.

What holds the others together belongs here: `service_loop` names the steps of a tick in order,
`supervisor` keeps a task per service with deadline and exception barrier, `watch` and `registry`
know which services there are, `endpoints` serves metrics and probes. `tick` has a file for each
step, `status` what a tick publishes. Whatever decides never stands here: it has to run without a
cluster.
"""
