"""Autoscales the prefill and decode pools of LLM services run on SGLang."""
