"""What is wrong with a LiteLLM configuration file."""

from designer.diagnostics import Report
from designer.lint.litellm import (
    cooldowns,
    fallbacks,
    groups,
    guardrails,
    keys,
    models,
    money,
    picks,
    retries,
    secrets,
    timeouts,
    typed,
    values,
)
from designer.lint.litellm.view import File
from designer.lint.subject import Subject

CHECKS = (
    *keys.CHECKS,
    *values.CHECKS,
    *fallbacks.CHECKS,
    *typed.CHECKS,
    *groups.CHECKS,
    *picks.CHECKS,
    *retries.CHECKS,
    *timeouts.CHECKS,
    *cooldowns.CHECKS,
    *money.CHECKS,
    *models.CHECKS,
    *guardrails.CHECKS,
    *secrets.CHECKS,
)


def check(subject: Subject, report: Report) -> None:
    for document in subject.parsed.documents:
        file = File(subject, document)
        for one in CHECKS:
            one(file, report)
