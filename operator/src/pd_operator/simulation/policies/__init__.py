"""Other ways to size the pools, to compare the operator with."""
