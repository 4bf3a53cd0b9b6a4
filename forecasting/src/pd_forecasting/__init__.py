"""Short-horizon forecasts of a load, with quantiles. Knows nothing of Kubernetes or LLMs."""
