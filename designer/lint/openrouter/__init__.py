"""What is wrong with OpenRouter's requests, presets and guardrails."""

from designer.diagnostics import Report
from designer.lint.openrouter import guardrails, models, preferences, regions, requests
from designer.lint.openrouter.view import files_of
from designer.lint.subject import Subject

OF_BODIES = (*preferences.CHECKS, *requests.CHECKS, *models.CHECKS)


def check(subject: Subject, report: Report) -> None:
    files = files_of(subject)
    for body in files.bodies:
        for of_body in OF_BODIES:
            of_body(body, report)
    for rail in files.guardrails:
        for of_rail in guardrails.CHECKS:
            of_rail(rail, report)
    for of_files in (guardrails.somebody_is_guarded, *regions.CHECKS):
        of_files(files, report)
