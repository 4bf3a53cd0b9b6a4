"""Loads and requests in files: read in one way, with one set of column names, by all commands.

Tables, columns, times and their units belong here; what a load is used for never does.
"""
