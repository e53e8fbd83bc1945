"""Answers kept for requests that come again: the same ones (`exact`) and similar ones (`semantic`).

What is kept is what a caller was given, after all guardrails; errors and broken-off answers never are.
A cache belongs to one process and forgets when that ends.
"""

from runtime.cache.answers import Answers, Found, Stored
from runtime.cache.question import Question, Reader
from runtime.cache.visit import Encoder, Kept, Visit

__all__ = ["Answers", "Encoder", "Found", "Kept", "Question", "Reader", "Stored", "Visit"]
