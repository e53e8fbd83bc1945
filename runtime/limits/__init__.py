"""What callers may use: windows of time, the most a request can cost, and what binds it.

Nothing here sends anything. Where the counts are kept is `runtime.state`'s affair.
"""
