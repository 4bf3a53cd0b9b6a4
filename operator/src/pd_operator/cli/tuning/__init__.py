"""`kubectl pd tune`: which settings serve a service's own load at the fewest GPU hours.

The load is cut in two. Every candidate is played through the simulator on the earlier part; the
cheapest one that keeps the objectives there is played on the later part too, beside the settings
that the service has: a proposal is made only where it holds on days it was not chosen on. Nothing
here plays a load, which is `simulating`'s, and it never changes a service.
"""
