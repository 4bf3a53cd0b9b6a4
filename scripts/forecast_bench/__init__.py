"""The parts of `make bench-forecast`: series, rolling origins, scores, cold start, cost, report."""
