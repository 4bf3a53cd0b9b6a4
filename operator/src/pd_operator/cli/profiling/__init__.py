"""`kubectl pd profile`: profiles from a live service, from benchmarks, or computed."""
