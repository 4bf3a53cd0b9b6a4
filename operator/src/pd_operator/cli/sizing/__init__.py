"""`kubectl pd plan`: from a load and objectives to workers, before anything is deployed.

Where a load, a profile and limits come from, and how a plan is shown, belongs here. The search is
`planning.search`'s: a number of workers is never worked out here.
"""
