"""Take personal data and secrets out of a request before anything of it leaves.

Recognised are shapes that can be checked (a checksum, a length, a prefix); names of people and
postal addresses are not, since they need a language model (`runtime.names`). Text inside images, audio and other
encoded files is not looked at either, nor a value that is split over two message parts.
"""

from runtime.redact.body import (
    Redactions,
    TooDeepError,
    is_encoded,
    is_json,
    redact_request,
    redact_response,
    redact_string,
)
from runtime.redact.find import ENTITIES, KNOWN, Named, Span, find, nobody
from runtime.redact.redactor import Redactor, Vault
from runtime.redact.restore import RestoredText, Restorer
from runtime.redact.stream import RedactedText

__all__ = [
    "ENTITIES",
    "KNOWN",
    "Named",
    "RedactedText",
    "Redactions",
    "Redactor",
    "RestoredText",
    "Restorer",
    "Span",
    "TooDeepError",
    "Vault",
    "find",
    "is_encoded",
    "is_json",
    "nobody",
    "redact_request",
    "redact_response",
    "redact_string",
]
