"""The command lines: pd-operator and kubectl-pd."""
