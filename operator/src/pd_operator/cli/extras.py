"""What a program says that was installed without a part it was asked for."""

OWN_PACKAGES = ("pd_operator", "pd_forecasting")

EXTRAS = {
    "numpy": "cli",
    "aiohttp": "cli",
    "prometheus_api_client": "cli",
    "kopf": "operator",
    "prometheus_client": "operator",
    "pandas": "backtest",
    "scipy": "backtest",
    "statsmodels": "backtest",
    "matplotlib": "backtest",
    "pyarrow": "backtest",
}
"""The smallest extra of pyproject.toml that brings a module."""


def missing_part(error: ModuleNotFoundError, extra: str | None = None) -> SystemExit:
    """The end of a program that lacks a module: one line that says how to get it.

    `extra` is what the program as a whole needs, where that is more than the one module. A module
    of our own, or one of no extra, is no missing part but a fault, and raised as it is.
    """
    module = (error.name or "").partition(".")[0]
    if module in OWN_PACKAGES or module not in EXTRAS:
        raise error
    wanted = extra or EXTRAS[module]
    return SystemExit(f"error: this needs {module}: pip install 'pd-operator[{wanted}]'")
