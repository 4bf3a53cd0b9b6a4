"""What is wrong with a file of requests or loads."""


class TraceError(ValueError):
    """A file that cannot be read, or can be read in two ways; the message says what to do."""
