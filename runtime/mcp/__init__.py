"""MCP servers' requests for a model's answer (sampling), answered by the runtime.

Deprecated by the protocol since 2026-07-28 (SEP-2577), and still what servers use; see docs/mcp.md.
"""
