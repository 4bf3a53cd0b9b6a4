"""`kubectl pd check`: what pd-operator needs, looked at piece by piece, each with what to do.

`findings` holds what is found; `installation`, `nodes`, `rights` and `service` look; `words` says
it; `command` is the command line. Nothing here changes anything, and what may not be read is said
and no fault.
"""
