"""`kubectl pd simulate`: a trace through a service, sized by the operator and by hand."""
