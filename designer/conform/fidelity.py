"""What a conformance run came to: as data, as lines for a terminal, and as the published page."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from designer import __version__
from designer.conform.case import Case
from designer.conform.installed import Installed
from designer.conform.run import Result, agreement, distinct

SCHEMA_VERSION = 1


def summary(installed: Installed, results: Sequence[Result], day: date) -> dict[str, Any]:
    """Everything that is known of a run, ready for JSON."""
    cases = [result.case for result in results]
    return {
        "schema_version": SCHEMA_VERSION,
        "date": day.isoformat(),
        "designer": __version__,
        "gateway": installed.gateway,
        "version": installed.version,
        "table": installed.table,
        "notes": list(installed.notes),
        "corpus": fingerprint(cases),
        "cases": len(results),
        "distinct": len(distinct(cases)),
        "generated": sum(case.is_generated for case in cases),
        "requests": sum(len(result.seen) for result in results),
        "attempts": sum(len(seen.attempts) for result in results for seen in result.seen),
        "run_twice": sum(result.times > 1 for result in results),
        "agree": sum(result.agrees for result in results),
        "agreement": round(agreement(results), 5),
        "disagreements": [_disagreement(r) for r in results if not r.agrees],
    }


def fingerprint(cases: Sequence[Case]) -> str:
    """Of what a set of cases asks, whatever their order."""
    asked = "\n".join(sorted(f"{case.id} {case.fingerprint}" for case in cases))
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def _disagreement(result: Result) -> dict[str, Any]:
    return {
        "id": result.case.id,
        "origin": result.case.origin,
        "known": result.case.known,
        "differences": list(result.compared.differences),
        "draws": list(result.compared.draws),
        "config": result.case.config,
        "script": result.case.said,
        "gateway": [seen.as_json() | {"text": seen.text} for seen in result.seen],
        "engine": [one.as_json() for one in result.compared.traces],
    }


def as_text(run: Mapping[str, Any]) -> str:
    lines = [
        f"{run['gateway']} {run['version']}"
        + (f" ({', '.join(run['notes'])})" if run["notes"] else ""),
        f"  {run['cases']} cases ({run['generated']} generated), {run['requests']} requests, "
        f"{run['attempts']} attempts",
    ]
    for one in run["disagreements"]:
        lines += ["", *_explained(one)]
    lines += ["", f"  {run['agree']} of {run['cases']} agree: {_percent(run)}"]
    return "\n".join(lines) + "\n"


def _explained(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {one['id']} ({one['origin']})"
    yield from (f"    {text}" for text in one["differences"])
    if one["known"]:
        yield f"    known: {one['known']}"
    for number, (real, traced) in enumerate(zip(one["gateway"], one["engine"], strict=True), 1):
        which = f" {number}" if len(one["gateway"]) > 1 else ""
        yield f"    gateway{which}: {_told(real)}"
        yield f"    engine{which}:  {_told(traced)}"


def _told(one: Mapping[str, Any]) -> str:
    tries = ", ".join(
        f"{a['at_s']:.2f} {a['deployment']}" + (f" {a['outcome']}" if "outcome" in a else "")
        for a in one["attempts"]
    )
    return f"{tries or 'nothing asked'} → {one['final']['status']}"


def _percent(run: Mapping[str, Any]) -> str:
    return f"{100 * run['agreement']:.2f} %"


def page(runs: Sequence[Mapping[str, Any]]) -> str:
    """`docs/fidelity.md`, from the records of one run for each gateway."""
    lines = [
        "# How faithful the engine is",
        "",
        "The same cases are played on a real gateway, on loopback with scripted providers, and on the",
        "engine under that gateway's semantics. Compared are, request by request: which deployments were",
        "asked and in which order, when (±0.4 s), the status the caller got, who served it, and for broken",
        "streams whether the caller was told. Random picks are not compared: the gateway's are fed to the",
        "engine, and all else must follow. Two cases are distinct when their configuration or their script",
        "differs. A case that differs in its times alone, or in one of several requests in a row, is run",
        "once more by itself, and that run counts: on a busy machine attempts come late, and LiteLLM counts",
        "a failure behind its answer, so that the next request may come before.",
        "This page is written by `make fidelity`; nothing in it is written by hand.",
        "",
        "| gateway | version | date | cases | distinct | generated | requests | attempts | agree | agreement |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['gateway']} | {r['version']} | {r['date']} | {r['cases']} | {r['distinct']} | "
        f"{r['generated']} | {r['requests']} | {r['attempts']} | {r['agree']} | {_percent(r)} |"
        for r in runs
    ]
    lines += [
        "",
        "OpenRouter and Portkey's hosted product cannot be run here: their tables are documentation, and",
        "every trace says what they assume. What becomes of sixteen well-known faults is in [faults.md](faults.md).",
    ]
    for run in runs:
        lines += ["", f"## {run['gateway']} {run['version']}", ""]
        if run["notes"]:
            lines += [f"Installed: {', '.join(run['notes'])}.", ""]
        lines += [f"{run['run_twice']} cases were run twice.", ""]
        if not run["disagreements"]:
            lines += ["No case disagrees."]
            continue
        lines += ["| case | origin | what differs | why |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{one['id']}` | {one['origin']} | {'; '.join(one['differences'])} | "
            f"{one['known'] or 'not explained'} |"
            for one in run["disagreements"]
        ]
    return "\n".join(lines) + "\n"
