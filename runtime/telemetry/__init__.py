"""What is told about requests: metrics, spans and log lines, from one `Record` a request.

A record has no place for a prompt, an answer, a key, an address or a user's name; so none of them can
be told. What a client may choose is in it only where the configuration knows it: the route.
"""

from runtime.telemetry.record import Attempted, Listener, Record, recorded

__all__ = ["Attempted", "Listener", "Record", "recorded"]
