"""`kubectl pd backtest`: what forecasts would have been worth on a load's own past.

Reading loads, and showing what came of them, belongs here; the replay itself is
`demand.backtest`, and never a forecast of our own.
"""
