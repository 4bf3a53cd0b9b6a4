"""The parts of `make bench-forecast`: series, rolling origins, scores, cold start, cost, report.

Linear algebra has one thread, as in the operator's image: the matrices are small, and threads that
wait for each other triple the time of a fit.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
