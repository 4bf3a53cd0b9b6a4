"""Grafana dashboards as code; `python -m scripts.generate_dashboards` writes the chart's."""
