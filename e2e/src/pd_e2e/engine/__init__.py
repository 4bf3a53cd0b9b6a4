"""An engine that speaks SGLang's wire format with timings from a profile."""
