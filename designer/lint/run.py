"""Put every check to a configuration."""

from collections.abc import Mapping
from datetime import date
from importlib import import_module

from designer.diagnostics import Report
from designer.lint import images, routes
from designer.lint.subject import Subject
from designer.load import Config

CHECKS_OF: Mapping[str, str] = {
    "litellm": "designer.lint.litellm",
    "portkey-oss": "designer.lint.portkey",
    "portkey-cloud": "designer.lint.portkey",
    "openrouter": "designer.lint.openrouter",
}
"""By gateway; imported when a configuration of that gateway is linted."""


def lint(config: Config, as_of: date, report: Report) -> None:
    """Adds every breach of a rule, in no order that means anything."""
    subject = Subject(config, as_of)
    routes.check(subject, report)
    images.check(subject, report)
    import_module(CHECKS_OF[config.gateway.name]).check(subject, report)
