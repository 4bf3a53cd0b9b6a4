"""Other ways to size the pools, to compare the operator with.

Other autoscalers' rules belong here, as their sources have them; nothing that decides in the
cluster does, and a rule never knows more of a service than its snapshot tells.
"""
