"""`kubectl pd simulate`: a trace through a service, sized by the operator and by hand.

Loads, comparisons and pages belong here; how a service behaves is `simulation`'s, and what is
decided for it is never decided here.
"""
