"""An engine that speaks SGLang's wire format with timings from a profile.

SGLang's schedulers, endpoints, metrics and faults belong here, as far as the operator or the router
can see them. It never computes a token: times come from `performance`. `pd_operator.simulation` is
the same engine a second time, without processes; a test holds that both give the same times.
"""
