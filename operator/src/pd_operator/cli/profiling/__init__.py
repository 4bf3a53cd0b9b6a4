"""`kubectl pd profile`: profiles from a live service, from benchmarks, or computed.

Sending probes and reading files belongs here; what a profile makes of points is never decided here
but in `performance`.
"""
