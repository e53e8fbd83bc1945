"""Compile a workload profile into an LLM gateway configuration, and prove it before an outage does."""

__version__ = "0.1.0"
