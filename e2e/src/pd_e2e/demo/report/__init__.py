"""The demo's report: one HTML file with its plots inline, and the pictures of the README.

Tables, plots and their words belong here. What a figure is never follows from code here: figures
are `demo.summary`'s.
"""

from pd_e2e.demo.report.page import write_report
from pd_e2e.demo.report.pictures import write_comparison, write_picture

__all__ = ["write_comparison", "write_picture", "write_report"]
