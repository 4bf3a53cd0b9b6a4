"""The operator's own page: what its services do now, for those without a terminal.

Made on the server from what the watch knows, without any script. `markup` escapes, `cards` say what
a service looks like, `loads` remembers the last half hour, `handlers` serve. Nothing here asks the
cluster or changes anything.
"""
