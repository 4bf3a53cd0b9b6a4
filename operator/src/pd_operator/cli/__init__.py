"""The command lines: `pd-operator` and `kubectl pd`.

Options, tables, plots and reports belong here, a package a command. What a figure is never follows
from code here: commands ask the packages that the operator asks, and say what they answered.
"""
