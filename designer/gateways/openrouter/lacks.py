"""What OpenRouter cannot express, in the order in which it is taken out of a Routing."""

from collections.abc import Callable

from msgspec.structs import replace

from designer.gateways.base import Feature, Lack
from designer.gateways.legalize import (
    ATTEMPTS_LIMIT,
    BUFFERING,
    COOLDOWN,
    DOWNGRADES,
    FIRST_TOKEN,
    GUARDRAILS_BY_ROUTE,
    OUTPUT_GUARDRAILS,
    QUOTAS,
    RATE_LIMITS,
    SEMANTIC_CACHE,
    TIMEOUT,
    TO_RUN,
    WINDOW,
    each_guardrail,
    each_node,
)
from designer.gateways.openrouter.account import (
    with_few_exporters,
    with_plain_amounts,
    with_plain_caches,
    with_whole_seconds,
    without_alert,
    without_other_periods,
    without_permission,
    without_redacted,
    without_retained,
    without_routes,
    without_shared_keys,
)
from designer.gateways.openrouter.directory import Directory
from designer.gateways.openrouter.filters import any_case, filters_of, is_pattern, rails_of
from designer.gateways.openrouter.shape import (
    Shapes,
    without_idle_session,
    without_retries,
    without_splits,
    without_switches,
)
from designer.gateways.openrouter.tables import (
    ENTITIES,
    MAX_MODELS,
    WINDOW_S,
)
from designer.ir import (
    Budget,
    Cache,
    Guardrail,
    Node,
    Pool,
    Routing,
    Telemetry,
)

_DOCS = "OpenRouterTeam/docs, 2026-08-22"
_SCHEMA = "OpenRouter's OpenAPI document, 2026-08-22: no such field"


def lacks(directory: Directory) -> tuple[Lack, ...]:
    known = Shapes(directory)
    return (
        _silent("OpenRouter's own shape", known.adopted),
        _silent("five minutes of looking back", each_node(_without_own_window)),
        Lack(
            WINDOW,
            "OpenRouter sorts by its own rolling five minutes",
            f"guides/routing/provider-selection ({_DOCS})",
        ),
        _lost(
            "conditions that the emitted client cannot tell",
            known.each_tree(without_switches),
            "every request takes the route's default branch, else its first; the client tells whether "
            "task, metadata or a setting of the team is a given text, before anything is asked",
            _SCHEMA,
        ),
        _lost(
            "an experiment below a chain or a pool",
            known.each_tree(without_splits),
            "the arms' models are asked in order, each the fallback of the one before",
            _SCHEMA,
        ),
        _lost(
            "retries on the same deployment",
            known.each_tree(without_retries),
            "each endpoint is asked once and then the next one",
            _SCHEMA,
            "routing.retries",
        ),
        _lost(
            "deployments that it does not offer",
            known.without_unoffered,
            "they are left out of the route",
            "the catalog's names of OpenRouter, compared by provider and model",
        ),
        _refused(
            "a route of which it offers no model",
            known.without_empty,
            "the route would be missing",
            "the catalog's names of OpenRouter, compared by provider and model",
        ),
        _refused(
            "processing kept in a region other than the EU or the US",
            known.without_far_regions,
            "the route would be processed anywhere",
            "guides/features/in-region-routing, stored copy read 2026-11-22: hosts eu and us only",
        ),
        _lost(
            "processing kept exactly in the EU or the US",
            known.with_hosts,
            "its regional host is called, which needs a Business or Enterprise plan and whose Europe "
            "is the EU, the EEA, the UK and Switzerland",
            "guides/features/in-region-routing, stored copy read 2026-11-22",
            "compliance.residency",
        ),
        Lack(
            TIMEOUT,
            "only the client's limit on the whole request counts",
            _SCHEMA,
        ),
        Lack(
            FIRST_TOKEN,
            "a stream may stay silent until the client's limit on the whole request",
            _SCHEMA,
        ),
        Lack(
            COOLDOWN,
            "OpenRouter asks providers with an outage in the last 30 seconds last, by its own measure",
            f"guides/routing/provider-selection ({_DOCS})",
        ),
        Lack(
            ATTEMPTS_LIMIT,
            "every endpoint that the request allows may be asked",
            _SCHEMA,
        ),
        Lack(
            BUFFERING,
            "a stream that breaks off ends in an error event behind the text already sent",
            f"api_reference/errors-and-debugging ({_DOCS})",
        ),
        _lost(
            "the choice of a provider's region",
            known.without_regions,
            "the provider chooses, within the region of the host the client calls",
            _SCHEMA,
            "providers.regions",
        ),
        _lost(
            "your own accounts at providers",
            known.without_accounts,
            "OpenRouter's accounts are used; agreements you signed with providers do not cover them",
            f"guides/overview/auth/byok: own keys are stored in OpenRouter ({_DOCS})",
            *("providers.as", "providers.secret", "providers.api_base", "providers.api_version"),
            *("providers.agreements", "providers.quota", "providers.models"),
        ),
        _lost(
            "parameters of one deployment only, or ones it does not know",
            known.with_shared_params,
            "what all deployments of the route share is sent to each",
            _SCHEMA,
            "workloads.params",
        ),
        _lost(
            "weights or a picking strategy among deployments",
            known.with_own_balance,
            "providers of one model are balanced by price, different models are asked in order",
            f"guides/routing/provider-selection ({_DOCS})",
            "routing.strategy",
        ),
        _lost(
            "a refusal that is final (on_refusal: return)",
            known.with_refusals_falling,
            "a refusal or moderation flag of one model makes it ask the next model",
            f"guides/routing/model-fallbacks ({_DOCS})",
            "routing.on_refusal",
        ),
        _lost(
            "the choice of failures that fall back",
            known.with_fixed_falls,
            "any error moves on to the next model, a provider's own failure to its next provider",
            f"guides/routing/model-fallbacks, guides/overview/faq ({_DOCS})",
            "routing.on_refusal",
        ),
        _lost(
            "a chain of single deployments",
            known.as_product,
            "each model is asked at every provider of the route that has it, before the next model",
            f"guides/routing/provider-selection, sort.partition: model ({_DOCS})",
        ),
        _silent("OpenRouter's own shape", known.made),
        _lost(
            "a change of model on an embedding route",
            known.each_ask(known.with_one_model),
            "only the first model is asked",
            "OpenRouter's OpenAPI document, 2026-08-22: /embeddings takes one model",
        ),
        _lost(
            f"more than {MAX_MODELS} models in a route",
            known.each_ask(known.with_few_models),
            f"the first {MAX_MODELS} are kept",
            "live API: 'models' array must have 3 items or fewer (coder/xum#2963)",
        ),
        _lost(
            "keeping a caller on one deployment while providers are asked in order",
            known.each_ask(without_idle_session),
            "every request begins at the first provider",
            f"guides/best-practices/prompt-caching: order turns sticky routing off ({_DOCS})",
            "routing.sticky",
        ),
        Lack(
            OUTPUT_GUARDRAILS,
            "answers would reach the caller unchecked",
            f"guides/features/guardrails: content filters scan requests ({_DOCS})",
            refused=True,
        ),
        Lack(
            Feature("a guardrail that another vendor keeps", each_guardrail(_of_own_kind)),
            "it would not be there",
            f"guides/features/guardrails ({_DOCS})",
            refused=True,
        ),
        Lack(
            GUARDRAILS_BY_ROUTE,
            "they act on every request made with the key they are assigned to",
            f"guides/features/guardrails ({_DOCS})",
        ),
        Lack(
            Feature("these kinds of personal data", each_guardrail(_with_known_entities)),
            "they would pass unseen",
            f"guides/features/guardrails: built-in filters ({_DOCS})",
            refused=True,
        ),
        Lack(
            Feature("this pattern of a deny rule", each_guardrail(_with_plain_pattern)),
            "what it forbids would pass",
            f"guides/features/guardrails: no lookaround, backreference, nested quantifier ({_DOCS})",
            refused=True,
        ),
        Lack(
            Feature("a look at the last message only", each_guardrail(_looking_at_all)),
            "every message is looked at, and what an earlier one holds is caught again",
            f"guides/features/guardrails ({_DOCS})",
        ),
        Lack(
            Feature(
                "blocking when a guardrail itself fails",
                each_guardrail(_failing_open),
                ("guardrails.on_failure",),
            ),
            "a request whose check fails is let through",
            f"guides/features/guardrails: detection that times out lets pass ({_DOCS})",
        ),
        Lack(
            Feature(
                "a message of your own on a refusal",
                each_guardrail(_without_message),
                ("guardrails.deny.message",),
            ),
            "the caller sees status 403 and the names of the patterns",
            f"guides/features/guardrails ({_DOCS})",
        ),
        _silent(
            "content filters",
            lambda routing: replace(routing, guardrails=rails_of(filters_of(routing.guardrails))),
        ),
        *_POLICIES,
    )


def _lost(
    name: str,
    without: Callable[[Routing], Routing],
    instead: str,
    source: str,
    *keys: str,
) -> Lack:
    return Lack(Feature(name, without, keys), instead, source)


def _refused(name: str, without: Callable[[Routing], Routing], instead: str, source: str) -> Lack:
    return Lack(Feature(name, without), instead, source, refused=True)


def _silent(name: str, without: Callable[[Routing], Routing]) -> Lack:
    return Lack(Feature(name, without), "the same, in its own words", _DOCS, told=False)


def _each_cache(change: Callable[[Cache], Cache]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(routing, caches=tuple(map(change, routing.caches)))


def _each_budget(change: Callable[[Budget], Budget | None]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(
        routing, budgets=tuple(b for b in map(change, routing.budgets) if b is not None)
    )


def _telling(change: Callable[[Telemetry], Telemetry]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(
        routing, telemetry=None if routing.telemetry is None else change(routing.telemetry)
    )


def _without_own_window(node: Node) -> Node:
    is_own = isinstance(node, Pool) and node.window_s == WINDOW_S
    return replace(node, window_s=None) if is_own else node


_POLICIES = (
    Lack(TO_RUN, "nothing is written: its vendor runs it", _DOCS),
    Lack(
        SEMANTIC_CACHE,
        "only the very same request is answered from the cache",
        f"guides/features/response-caching: identical requests only ({_DOCS})",
    ),
    _lost(
        "a cache on a route of zero retention",
        without_retained,
        "no answer is kept: OpenRouter would store it until its time is over, and turns the cache off "
        "where the account demands zero retention",
        f"guides/features/response-caching ({_DOCS})",
        "cache",
    ),
    _lost(
        "a cache for fractions of a second or for more than a day",
        _each_cache(with_whole_seconds),
        "answers are kept for whole seconds, from 1 to 86,400",
        f"guides/features/response-caching ({_DOCS})",
        "cache.ttl",
    ),
    _silent("caches by route", with_plain_caches),
    Lack(
        DOWNGRADES,
        "what the budget has no room for is refused: a limit knows no models",
        f"api_reference/limits ({_DOCS})",
    ),
    _lost(
        "a budget of one route",
        _each_budget(without_routes),
        "nothing limits what a route spends: limits are of keys, members and workspaces",
        "OpenRouter's OpenAPI document, 2026-08-22",
        "workloads.budget",
    ),
    _lost(
        "a budget for an hour or a year",
        _each_budget(without_other_periods),
        "it is left out: limits begin anew daily, weekly or monthly",
        "OpenRouter's OpenAPI document, 2026-08-22: limit_reset",
        "teams.budget",
    ),
    _lost(
        "a budget that goes on when it is spent",
        _each_budget(without_permission),
        "it is left out: every limit of OpenRouter refuses",
        f"api_reference/limits ({_DOCS})",
        "teams.budget",
    ),
    _lost(
        "an alert before a budget is spent",
        _each_budget(without_alert),
        "nobody is told before requests are refused",
        _SCHEMA,
        "teams.budget.alert",
    ),
    _lost(
        "one budget for several keys of a team, or for a key that exists",
        without_shared_keys,
        "nothing limits what the team spends: a limit is of one key, and is set when it is made",
        "OpenRouter's OpenAPI document, 2026-08-22: POST /keys",
        "teams.budget",
        "teams.keys",
    ),
    _silent("budgets as numbers", with_plain_amounts),
    Lack(
        RATE_LIMITS,
        "nothing limits how much a team asks in a minute",
        _SCHEMA,
    ),
    _lost(
        "metrics for Prometheus",
        _telling(with_few_exporters),
        "only traces leave: broadcast has no destination that is scraped",
        "OpenRouter's OpenAPI document, 2026-08-22: POST /observability/destinations",
        "operations.observability",
    ),
    _lost(
        "logs of redacted prompts",
        _telling(without_redacted),
        "no prompts are logged",
        _SCHEMA,
        "operations.logs",
    ),
    Lack(
        QUOTAS,
        "OpenRouter's accounts are used, whose limits are not yours",
        f"guides/overview/auth/byok ({_DOCS})",
    ),
)


# --- Guardrails -----------------------------------------------------------------------------------


def _of_own_kind(rail: Guardrail) -> Guardrail | None:
    return rail if rail.kind in ("pii", "deny") else None


def _with_known_entities(rail: Guardrail) -> Guardrail | None:
    if rail.kind != "pii":
        return rail
    known = tuple(entity for entity in rail.entities if entity in ENTITIES)
    return replace(rail, entities=known) if known or not rail.entities else None


def _with_plain_pattern(rail: Guardrail) -> Guardrail | None:
    if rail.kind != "deny":
        return rail
    pattern = any_case(rail.pattern) if rail.ignore_case else rail.pattern
    return rail if is_pattern(pattern) else None


def _looking_at_all(rail: Guardrail) -> Guardrail:
    return replace(rail, messages="all")


def _failing_open(rail: Guardrail) -> Guardrail:
    return replace(rail, on_error="pass")


def _without_message(rail: Guardrail) -> Guardrail:
    return replace(rail, message="")
