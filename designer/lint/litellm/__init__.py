"""What is wrong with a LiteLLM configuration file."""

from designer.diagnostics import Report
from designer.lint.litellm import (
    cooldowns,
    fallbacks,
    groups,
    guardrails,
    keys,
    kinds,
    models,
    money,
    picks,
    references,
    retries,
    secrets,
    server,
    timeouts,
    typed,
    values,
)
from designer.lint.litellm.view import File
from designer.lint.subject import Subject

CHECKS = (
    *keys.CHECKS,
    *kinds.CHECKS,
    *values.CHECKS,
    *references.CHECKS,
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
    *server.CHECKS,
    *secrets.CHECKS,
)


def check(subject: Subject, report: Report) -> None:
    for document in subject.parsed.documents:
        file = File(subject, document)
        for one in CHECKS:
            one(file, report)
