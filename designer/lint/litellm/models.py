"""Models that do not fit the group they stand in, and base models that nobody knows."""

from difflib import get_close_matches
from functools import cache

from designer.catalog.price_map import load_price_map
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.lint.litellm.view import Entry, File, text

MIXED_KINDS = Rule(
    "LNT124",
    Severity.ERROR,
    "{group!r} holds {model}, which is for {kind}, beside {other}, which is for {other_kind}",
    "A request goes to any deployment of a group; those for the other kind of model answer with an error.",
    instead="a share of the requests fails, whatever they ask for",
    help="give {model} a `model_name` of its own",
    source="kinds: LiteLLM 1.106.2's price map, 2026-11-22",
)
UNKNOWN_KIND = Rule(
    "LNT125",
    Severity.INFO,
    "LiteLLM does not know {model}, and nothing says that it makes embeddings",
    "Health checks send a chat request to a model whose kind they do not know.",
    instead="the health check of this deployment fails although it works",
    help="write `mode: embedding` under model_info",
    source="read, LiteLLM 1.106.2 proxy/health_check.py:92, 2026-11-24",
)
UNKNOWN_BASE_MODEL = Rule(
    "LNT126",
    Severity.WARNING,
    "the base_model {base!r} is not in LiteLLM's price map (did you mean {near!r}?)",
    "`base_model` is looked up in the price map as it stands; a name that is not there has no price and "
    "no limits.",
    instead="cost 0 is booked for the deployment, and prompts of any length are sent to it",
    help="write the name as the map has it",
    source="measured, LiteLLM 1.106.2, 2026-11-22: an unknown and unpriced model costs nothing",
)

_ANSWERING = {"chat": "chat", "completion": "chat", "responses": "chat", "embedding": "embedding"}
"""Kinds that clients of a gateway ask for by name; other kinds of models are not judged."""


def groups_hold_one_kind(file: File, report: Report) -> None:
    for group, entries in file.groups.items():
        kinds = [(kind, entry) for entry in entries if (kind := _kind(file, entry))]
        for kind, entry in kinds[1:]:
            first, other = kinds[0]
            if kind != first:
                report.add(
                    MIXED_KINDS,
                    file.place(*entry.path_of("model")),
                    group=group,
                    model=entry.model,
                    kind=kind,
                    other=other.model,
                    other_kind=first,
                )
                break


def _kind(file: File, entry: Entry) -> str | None:
    said = entry.info.get("mode")
    if isinstance(said, str):
        return _ANSWERING.get(said)
    deployment = file.deployments.get(entry.index)
    known = file.subject.known[deployment.id].kind if deployment is not None else None
    return _ANSWERING.get(known or "")


def embedders_say_so(file: File, report: Report) -> None:
    for entry in file.entries:
        is_likely = "embed" in entry.model.lower() and "*" not in entry.model
        is_known = entry.info.get("mode") or load_price_map().row_of_model(entry.model) is not None
        if is_likely and not is_known and not _kind(file, entry):
            report.add(UNKNOWN_KIND, file.place(*entry.path_of("model")), model=entry.model)


def base_models_are_known(file: File, report: Report) -> None:
    prices = load_price_map()
    for entry in file.entries:
        base = text(entry.info.get("base_model"))
        if not base or prices.row(base) is not None or prices.row_of_model(base) is not None:
            continue
        near = _near(base)
        if near is not None:
            path = (*entry.path, "model_info", "base_model")
            fix = Fix(f"write {near} instead of {base}", (Edit("set", path, near),))
            report.add(UNKNOWN_BASE_MODEL, file.place(*path), fix, base=base, near=near)


@cache
def _near(base: str) -> str | None:
    """Among names with the same digits: another number is another model, and perhaps a newer one."""
    digits = _digits(base)
    names = [name for name in load_price_map().rows if _digits(name) == digits]
    close = get_close_matches(base, names, n=1, cutoff=0.85)
    return close[0] if close else None


def _digits(name: str) -> str:
    return "".join(c for c in name if c.isdigit())


CHECKS = (groups_hold_one_kind, embedders_say_so, base_models_are_known)
