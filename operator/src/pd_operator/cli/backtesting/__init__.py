"""`kubectl pd backtest`: what forecasts would have been worth on a load's own past."""
