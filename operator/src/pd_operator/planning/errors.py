"""What planning refuses."""


class PlanningError(ValueError):
    """There is nothing to plan with, or the figures make no sense. One sentence says what."""
