"""The configuration language that both Portkey products speak: trees of targets, and what is shared.

Written (`write`), read (`read`) and cut to size (`lacks`) here for both dialects. What differs,
providers, credentials, guardrails and measured behaviour, comes in as values; there is no `Gateway`
here.
"""
