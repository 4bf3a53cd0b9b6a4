"""What can be wrong with a question to a forecaster."""


class ForecastError(ValueError):
    """Any error of this package."""


class BadSeriesError(ForecastError):
    """A series or a request that cannot be: negative or infinite loads, no horizon."""


class NotEnoughPointsError(ForecastError):
    """Fewer known bins than the model needs."""

    def __init__(self, model: str, needed: int, known: int) -> None:
        super().__init__(f"{model} needs {needed} known bins, found {known}")
        self.needed = needed
        self.known = known
