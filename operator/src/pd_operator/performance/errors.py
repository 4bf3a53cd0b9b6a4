"""What is wrong with a profile."""


class ProfileError(ValueError):
    """A profile is missing, malformed, or lacks what is asked of it. The message names what."""
