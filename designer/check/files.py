"""What the files of a folder say: their schemas, what they mean read back, what lint finds in them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from designer.check.model import Step, Subject, counted, said_by, text_of
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import read_json, read_yaml
from designer.gateways.base import Parsed
from designer.lint import baseline as baselines
from designer.lint import lint
from designer.lint.suppress import comments, of_profile, suppress
from designer.load import PLAN, Config, load_config, load_configs, located
from designer.plan import Plan, encode
from designer.profile.secrets import shown
from designer.validate import problems

AGAINST_SCHEMA = Rule(
    "CHK301",
    Severity.ERROR,
    "{where} {problem}",
    "The file in the folder breaks the schema that the emitted files are held to.",
)
OTHER_MEANING = Rule(
    "CHK302",
    Severity.ERROR,
    "what {gateway} understands differs from the plan: {difference}",
    "The files in the folder were read as the gateway reads them, and mean something else than what the "
    "profile gives.",
    help="run `designer plan` again, or move the change into the profile",
)


def understood(subject: Subject) -> tuple[Config | None, Step]:
    """The folder as its gateway reads it, with the plan's facts: what a file holds may be edited."""
    name, folder, plan = "schemas", subject.folder, subject.plan
    if not folder.is_dir():
        return None, Step(name, "nothing to read", is_skipped=True)
    report, reading = Report(), Report()
    checked = _against_schemas(plan, folder, report) if plan is not None else 0
    config = load_config(str(folder), reading)
    if plan is not None and config is not None:
        content = json.loads(plan.texts[PLAN])
        config = replace(
            config,
            parsed=_compared(plan, folder, report) or config.parsed,
            facts=content["deployments"],
            profile=content["profile"],
        )
    # What reading finds beside errors is lint's to tell.
    report.diagnostics += reading.at_or_above(Severity.ERROR)
    findings = tuple(located(report, str(folder)))
    said = (
        f"{counted(checked, 'file')}, read back as {config.gateway.title}"
        if config
        else "unreadable"
    )
    return config, Step(name, said, findings, cannot=0 if config is not None else 2)


def _against_schemas(plan: Plan, folder: Path, report: Report) -> int:
    checked = 0
    for file in (*plan.files, *plan.artefacts):
        text = text_of(folder / file.path)
        if file.schema is None or text is None:
            continue
        read = read_json if file.path.endswith(".json") else read_yaml
        document = read(text, file.path, Report())  # what cannot be read, loading the folder tells
        if document is None:
            continue
        checked += 1
        planned = read(plan.texts[file.path], file.path, Report())
        # What the plan itself writes so is passed through by the profile, verbatim.
        passed = set(problems(file.schema, planned.value)) if planned is not None else set()
        for where, problem in problems(file.schema, document.value):
            if (where, problem) not in passed:
                report.add(AGAINST_SCHEMA, Place(file.path), where=where, problem=problem)
    return checked


def _compared(plan: Plan, folder: Path, report: Report) -> Parsed | None:
    """What the plan's own files mean as they are in the folder; None where one is not there."""
    texts = {file.path: text_of(folder / file.path) for file in plan.files}
    there = {path: text for path, text in texts.items() if text is not None}
    parsed = plan.gateway.parse(
        there, Report(), plan.version
    )  # loading the folder tells its findings
    if parsed is None or there.keys() != texts.keys():
        return None  # drift tells of missing files
    meant = replace(parsed.routing, rollout=plan.routing.rollout)
    if meant != plan.routing:
        first, *others = _differences(encode(plan.routing), encode(meant))
        more = f", and in {counted(len(others), 'other place')}" if others else ""
        report.add(OTHER_MEANING, gateway=plan.gateway.title, difference=f"{first}{more}")
    return parsed


def _differences(planned: Any, meant: Any, path: str = "") -> Iterator[str]:
    """Every value that is another one, by its path in plan.json's `routing`."""
    if isinstance(planned, dict) and isinstance(meant, dict) and planned.keys() == meant.keys():
        for key, item in planned.items():
            yield from _differences(item, meant[key], f"{path}.{key}" if path else key)
    elif isinstance(planned, list) and isinstance(meant, list) and len(planned) == len(meant):
        for index, (one, other) in enumerate(zip(planned, meant, strict=True)):
            yield from _differences(one, other, f"{path}[{_name(one, index)}]")
    elif planned != meant:
        yield f"{path} is {_short(meant)} instead of {_short(planned)}"


def _name(item: Any, index: int) -> Any:
    return item.get("id") or item.get("name") or index if isinstance(item, dict) else index


def _short(value: Any) -> str:
    """A number or a name; of what is larger, how much it is."""
    if isinstance(value, list):
        return counted(len(value), "item")
    return f"a {value['kind']}" if isinstance(value, dict) and "kind" in value else shown(value)


def linted(subject: Subject) -> Step:
    """As `designer lint` finds it, without what comments, the profile or the baseline accept."""
    report = Report()
    folder, project = str(subject.folder), subject.wanted.project
    configs = [c for c in load_configs(folder, report) if c is not None]
    for config in configs:
        lint(config, subject.as_of, report)
    texts = {file: text for config in configs for file, text in config.texts.items()}
    documents = [document for config in configs for document in config.parsed.documents]
    said = list(comments(texts, documents, report))
    left = suppress(report, said, of_profile(said_by(subject), subject.as_of), subject.as_of)
    found, known = located(left.left, folder), 0
    if project.baseline:
        found, known = baselines.left_out(found, baselines.read(Path(project.baseline)))
    settings = sum(config.parsed.settings for config in configs)
    accepted = left.by_comment + left.by_option + known
    more = f", {accepted} findings accepted" if accepted else ""
    return Step("lint", f"{settings} settings{more}", tuple(found))
