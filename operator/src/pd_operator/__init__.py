"""Autoscales the prefill and decode pools of LLM services run on SGLang.

A package a stage, named for what passes between them: `telemetry` observes, `demand` forecasts,
`planning` plans with what `performance` knows of the engine, `scaling` decides, `actuation` carries
out, and `controller` calls them in that order. docs/architecture.md walks through them. Code never
stands here beside the packages, and none imports one above it (`make layers`).
"""
