"""How a deployment of a group is picked: weights that do not weigh, limits that do not limit."""

from collections.abc import Sequence

from designer.catalog.price_map import load_price_map
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.gateways.litellm.tables import WEIGHTS
from designer.lint.litellm.view import ROUTER, Entry, File, number, text
from designer.lint.routes.places import listed

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"
_SHUFFLE = "simple-shuffle"

WITHOUT_WEIGHT = Rule(
    "LNT219",
    Severity.WARNING,
    "{model} has no `{key}`, and other deployments of {group!r} have one",
    "Traffic is shared out by the first of weight, rpm and tpm that any deployment of the group has; one "
    "without it counts as 0.",
    instead="it gets no traffic while one of the others is up",
    help="give every deployment of the group a `{key}`, or none",
    source=f"{_MEASURED}: `weight` 1 and unset share 200 requests 200 : 0",
)
ALL_ZERO = Rule(
    "LNT220",
    Severity.WARNING,
    "every `weight` in {group!r} is 0",
    "Weights that are all 0 count as no weights.",
    instead="traffic is shared evenly, and no deployment is switched off",
    help="delete the weights, or take out the deployments that should get no traffic",
    source=f"{_MEASURED}: 0 and 0 share 200 requests 95 : 105",
)
NOT_WEIGHED = Rule(
    "LNT221",
    Severity.WARNING,
    "`weight` does nothing with the routing strategy {strategy}",
    "Only simple-shuffle looks at weights.",
    instead="traffic is shared out by {strategy} alone",
    help="use simple-shuffle, or delete the weights",
    source="read, LiteLLM 1.106.2 router_strategy/, 2026-11-24",
)
UNKNOWN_COST = Rule(
    "LNT222",
    Severity.WARNING,
    "cost-based-routing has no price for {model}",
    "A deployment without a price is taken to cost 5 USD for each token, more than any other.",
    instead="it is picked only when no priced deployment of {group!r} is up",
    help="write input_cost_per_token and output_cost_per_token",
    source="read, LiteLLM 1.106.2 router_strategy/lowest_cost.py:283, 2026-11-24",
)
MISPLACED_WEIGHT = Rule(
    "LNT228",
    Severity.WARNING,
    "`weight` stands under model_info",
    "Weights are read from litellm_params.",
    instead="the weight is ignored",
    help="move it to litellm_params",
    source=f"{_MEASURED}: 9 and 1 in model_info share 200 requests 96 : 104",
)
LOCKS_ON = Rule(
    "LNT227",
    Severity.INFO,
    "latency-based-routing keeps to the deployment that was fastest at first",
    "It goes by a window of old samples and asks the others hardly ever again: one that has become slow "
    "or fails keeps its traffic until more than half of its requests in a minute have failed.",
    instead="a deployment that turns slow keeps all of the traffic",
    help="set routing_strategy_args.lowest_latency_buffer to 0.5, or use simple-shuffle",
    source=f"{_MEASURED}: 12 of 12 to the slow one, 8 of 8 errors",
)
OLD_USAGE = Rule(
    "LNT420",
    Severity.WARNING,
    "usage-based-routing refuses requests that come at the same time",
    "The first version of the strategy counts a request on every deployment that it looks at.",
    instead="under concurrency requests get 429 although the limits are not reached",
    help="use usage-based-routing-v2, or simple-shuffle with rpm as weights",
    source=f"{_MEASURED}: of 24 requests, 4 at a time, against 12 a minute none was served",
)
OWN_COUNTS = Rule(
    "LNT421",
    Severity.INFO,
    "usage-based-routing-v2 counts in each proxy process by itself",
    "Without Redis nobody adds the counts of several workers or instances up.",
    instead="several processes together send more than the limits say",
    help="set redis_host and redis_port, if more than one process runs",
    source="https://docs.litellm.ai/docs/routing; counts in memory: read, LiteLLM 1.106.2 "
    "router_strategy/lowest_tpm_rpm_v2.py, 2026-11-24",
)
NO_LIMIT = Rule(
    "LNT422",
    Severity.INFO,
    "`rpm` and `tpm` of {groups} limit nothing: they are weights",
    "With simple-shuffle they only say how traffic is shared out.",
    instead="requests beyond them are sent to the provider",
    help="set optional_pre_call_checks: [enforce_model_rate_limits], if they are meant as limits",
    source=f"{_MEASURED}: rpm 2, 8 requests, 8 served",
)


def _strategy(file: File) -> str:
    return text(file.router.get("routing_strategy")) or _SHUFFLE


def weights_are_whole(file: File, report: Report) -> None:
    if _strategy(file) != _SHUFFLE:
        return
    for group, entries in file.groups.items():
        for level in _levels(entries):
            key = next((k for k in WEIGHTS if any(number(e.params.get(k)) for e in level)), None)
            lacking = [e for e in level if key and e.params.get(key) is None]
            if key and lacking:
                place = file.place(*lacking[0].path)
                report.add(WITHOUT_WEIGHT, place, model=lacking[0].model, key=key, group=group)
        weights = [number(entry.params.get("weight")) for entry in entries]
        if weights and set(weights) == {0.0}:
            report.add(ALL_ZERO, file.place(*entries[0].path_of("weight")), group=group)


def _levels(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Deployments among which one is picked: those of the same `order`."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        own = entry.params.get("order")
        found.setdefault(str(own if own is not None else entry.info.get("order")), []).append(entry)
    return list(found.values())


def weights_are_read(file: File, report: Report) -> None:
    weighed = [entry for entry in file.entries if entry.params.get("weight") is not None]
    strategy = _strategy(file)
    if strategy != _SHUFFLE and weighed:
        place = file.place(*weighed[0].path_of("weight"))
        report.add(NOT_WEIGHED, place, strategy=strategy)
    for entry in file.entries:
        if entry.info.get("weight") is not None and entry.params.get("weight") is None:
            report.add(MISPLACED_WEIGHT, file.place(*entry.path, "model_info", "weight"))


def strategies_know_what_they_need(file: File, report: Report) -> None:
    place = file.place(ROUTER, "routing_strategy")
    match _strategy(file):
        case "cost-based-routing":
            _costs_are_known(file, report)
        case "latency-based-routing" if _shares(file) and not _has_buffer(file):
            report.add(LOCKS_ON, place)
        case "usage-based-routing":
            path = (ROUTER, "routing_strategy")
            new = "usage-based-routing-v2"
            report.add(OLD_USAGE, place, Fix(f"write {new}", (Edit("set", path, new),)))
        case "usage-based-routing-v2" if not any(key.startswith("redis_") for key in file.router):
            report.add(OWN_COUNTS, place)


def _shares(file: File) -> bool:
    return any(len(entries) > 1 for entries in file.groups.values())


def _has_buffer(file: File) -> bool:
    arguments = file.router.get("routing_strategy_args")
    return isinstance(arguments, dict) and bool(number(arguments.get("lowest_latency_buffer")))


def _costs_are_known(file: File, report: Report) -> None:
    for group, entries in file.groups.items():
        for entry in entries if len(entries) > 1 else ():
            own = number(entry.params.get("input_cost_per_token"))
            base = text(entry.info.get("base_model"))
            prices = load_price_map()
            row = prices.row(base) if base else prices.row_of_model(entry.model)
            if own is None and row is None and "*" not in entry.model:
                place = file.place(*entry.path_of("model"))
                report.add(UNKNOWN_COST, place, model=entry.model, group=group)


def limits_limit(file: File, report: Report) -> None:
    checks = file.router.get("optional_pre_call_checks")
    if _strategy(file) != _SHUFFLE or checks or file.router.get("enable_pre_call_checks"):
        return
    limited = [e for e in file.entries if any(e.params.get(key) for key in ("rpm", "tpm"))]
    if limited:
        key = "rpm" if limited[0].params.get("rpm") else "tpm"
        place = file.place(*limited[0].path_of(key))
        report.add(NO_LIMIT, place, groups=listed(entry.group for entry in limited))


CHECKS = (weights_are_whole, weights_are_read, strategies_know_what_they_need, limits_limit)
