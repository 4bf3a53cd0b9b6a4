"""The worker table: which pods get traffic, in which role.

Belongs here what runs beside the router, in a process of its own: a watch on the service's pods and
the file that the router reads. It never needs the operator, a metric or a decision, so that
requests flow while all of those are away.
"""
