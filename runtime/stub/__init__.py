"""Stub providers: the wire shapes of real ones, answers from nowhere, and faults on request.

They think nothing and check no key. Answers, tokens and vectors are the same for the same request,
and every body that came in can be looked at afterwards.
"""

from runtime.stub.answers import Answer, Question, tokens
from runtime.stub.faults import KINDS, Fault, FaultError
from runtime.stub.server import Labels, Received, StubServer
from runtime.stub.threaded import running_stub

__all__ = [
    "KINDS",
    "Answer",
    "Fault",
    "FaultError",
    "Labels",
    "Question",
    "Received",
    "StubServer",
    "running_stub",
    "tokens",
]
