"""Which of a release's pods acts, where several run.

The rules of a Lease, as Kubernetes' own controllers keep them, stand in `election` as one pure
function; beside it what carries them out: `lease` reads and writes the Lease, `term` is the fence
that every write to the cluster passes, `candidate` takes one step at a time and `elector` takes
them in real time. What a leader does is never known here, nor any service: a pod leads or follows.
"""
