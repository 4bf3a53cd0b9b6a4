"""The worker table: which pods get traffic, in which role."""
