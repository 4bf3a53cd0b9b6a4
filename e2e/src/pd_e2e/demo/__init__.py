"""The main job: the whole system under a real day's load.

The day, its stage, what is watched and what is reported of it belong here. What a test needs
never does.
"""
