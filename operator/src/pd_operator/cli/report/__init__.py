"""Reports as one HTML file: the page, and how its plots look. Plots need matplotlib, an extra."""
