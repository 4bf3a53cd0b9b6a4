"""Plan to decision: one small class per policy, chained in one visible list."""
