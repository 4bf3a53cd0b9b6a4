"""Loads and requests in files: read in one way, with one set of column names, by all commands."""
