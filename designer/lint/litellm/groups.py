"""Groups that are hidden, twice the same, or ordered to no end."""

import json
from collections.abc import Mapping
from typing import Any

from designer.diagnostics import Report, Rule, Severity
from designer.lint.litellm.view import Entry, File, mapping

ALIAS_HIDES = Rule(
    "LNT213",
    Severity.WARNING,
    "the alias {alias!r} hides the group of the same name",
    "An alias is looked up before the groups.",
    instead="requests for {alias!r} go to {target!r}, and the deployments of {alias!r} get none",
    help="delete the alias, or rename the group",
    source="measured, LiteLLM 1.106.2, 2026-11-24",
)
ALIAS_TO_NOTHING = Rule(
    "LNT215",
    Severity.ERROR,
    "the alias {alias!r} leads to {target!r}, and {what}",
    "An alias is followed once, to a group of the model_list.",
    instead="every request for {alias!r} fails with 400",
    help="name a `model_name` of the model_list",
    source="measured, LiteLLM 1.106.2, 2026-11-24: an alias of an alias is a 400",
)
WITHOUT_ORDER = Rule(
    "LNT216",
    Severity.WARNING,
    "{model} has no `order`, and other deployments of {group!r} have one",
    "While a deployment with `order` is up, those without get no traffic, and no failure of the others "
    "leads to them either.",
    instead="it is asked only while all ordered deployments are cooling down",
    help="give every deployment of the group an `order`, or none",
    source="measured, LiteLLM 1.106.2, 2026-11-22",
)
IDLE_ORDER = Rule(
    "LNT217",
    Severity.INFO,
    "`order` makes no difference in {group!r}: {why_not}",
    "`order` says which deployments of a group go first.",
    instead="the group behaves as without it",
    help="give the deployments that stand in for others a higher `order`, under the same `model_name`",
    source="measured, LiteLLM 1.106.2, 2026-11-22",
)
TWICE = Rule(
    "LNT218",
    Severity.WARNING,
    "{group!r} lists the same deployment twice: {model}",
    "Two entries with the same litellm_params are one deployment with one id; they share key, limits and "
    "cooldown.",
    instead="the second adds neither capacity nor a fallback",
    help="delete one of them, or give it another key, region or model",
    source="read, LiteLLM 1.106.2 router.py:9162 (the id is a hash of group and parameters), 2026-11-24",
)


def aliases_lead_somewhere(file: File, report: Report) -> None:
    setting = file.setting("model_group_alias")
    for alias, target in file.aliases.items() if setting is not None else ():
        assert setting is not None
        place = file.place(*setting.path, alias)
        if target == alias:
            continue
        if file.names_a_group(target):
            if alias in file.groups:
                report.add(ALIAS_HIDES, place, alias=alias, target=target)
        elif not file.general.get("store_model_in_db"):  # with it there may be groups in no file
            is_alias = target in file.aliases
            what = "that is an alias itself" if is_alias else "no model is called that"
            report.add(ALIAS_TO_NOTHING, place, alias=alias, target=target, what=what)


def orders_are_whole(file: File, report: Report) -> None:
    for group, entries in file.groups.items():
        orders = [_order(entry) for entry in entries]
        given = [order for order in orders if order is not None]
        if not given:
            continue
        if len(given) < len(orders):
            entry = entries[orders.index(None)]
            place = file.place(*entry.path)
            report.add(WITHOUT_ORDER, place, model=entry.model, group=group)
        elif len(set(map(str, given))) == 1 and entries[0].params.get("order") is not None:
            only = "it has one deployment" if len(entries) == 1 else "all deployments have the same"
            place = file.place(*entries[0].path_of("order"))
            report.add(IDLE_ORDER, place, group=group, why_not=only)


def _order(entry: Entry) -> Any:
    own = entry.params.get("order")
    return own if own is not None else entry.info.get("order")


def deployments_differ(file: File, report: Report) -> None:
    for group, entries in file.groups.items():
        seen: set[str] = set()
        for entry in entries:
            said = _said(entry)
            if said in seen:
                report.add(TWICE, file.place(*entry.path), group=group, model=entry.model)
            seen.add(said)


def _said(entry: Entry) -> str:
    """What makes its id: its own, or all of its parameters."""
    id_ = entry.info.get("id")
    known: Mapping[str, Any] = mapping(entry.params)
    return json.dumps([str(id_) if id_ is not None else None, known], sort_keys=True, default=str)


CHECKS = (aliases_lead_somewhere, orders_are_whole, deployments_differ)
