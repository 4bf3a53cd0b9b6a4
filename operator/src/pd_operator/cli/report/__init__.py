"""Reports as one HTML file: the page, and how its plots look. Plots need matplotlib, an extra.

What all commands' reports share belongs here; what a report says never does.
"""
