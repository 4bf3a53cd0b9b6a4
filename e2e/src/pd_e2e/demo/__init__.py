"""The main job: the whole system under a real day's load."""
