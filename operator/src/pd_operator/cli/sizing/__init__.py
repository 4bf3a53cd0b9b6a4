"""`kubectl pd plan`: from a load and objectives to workers, before anything is deployed."""
