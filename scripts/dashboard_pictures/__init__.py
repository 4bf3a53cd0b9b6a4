"""The chart's dashboards as pictures, where there is no Grafana to look at them in.

`boards` reads a dashboard as Grafana would, `answers` asks its queries of a Prometheus, `drawing`
and `units` draw them with the dashboard's own colors, units and legends, `stored` serves the data
of a Prometheus that has ended.
"""
