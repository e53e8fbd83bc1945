"""Findings as data: a rule has a stable code, a diagnostic is one breach of it at one place.

Every phase appends to a `Report` and goes on; only the command line turns a report into an exit
code. This package prints nothing (see `designer.render`).
"""

from designer.diagnostics.model import Diagnostic, Edit, Fix, Place, Report, Rule, Severity

__all__ = ["Diagnostic", "Edit", "Fix", "Place", "Report", "Rule", "Severity"]
