"""`kubectl pd report`: a service's past as one HTML file, from Prometheus and its status.

`past` reads, `plots` draw, `page` says it, `command` is the command line. Nothing here changes
anything, and what Prometheus does not know is a gap.
"""
