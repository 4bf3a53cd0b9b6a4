"""From plans to a decision: what changes, how fast, and why.

`autoscaler.autoscale` is the one function that decides, in the cluster, in the simulator and for
others (docs/decision-port.md); what it sees, what it remembers and the links of its chain belong
here. It never knows a clock, a network or randomness, and an unknown figure is never a zero.
"""
