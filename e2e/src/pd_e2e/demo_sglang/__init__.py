"""`make demo ENGINE=sglang`: the operator over the real SGLang, on the CPU, in fifteen minutes.

The load is steps of hand-picked lengths, so that each thing that the operator can do has its turn.
A real day's load is never played here, but by `pd_e2e.demo` with simulated engines.
"""
