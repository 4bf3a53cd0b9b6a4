"""What the load is and what it will be: rates, token lengths, history, forecast."""
