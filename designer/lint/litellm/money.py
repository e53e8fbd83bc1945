"""Budgets that limit nothing, and prices that cannot be right."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from designer.catalog.price_map import Row, load_price_map
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.gateways.litellm.tables import KNOWN_PREFIXES
from designer.lint.known import Known
from designer.lint.litellm.view import LITELLM, ROUTER, Entry, File, mapping, number, text

_READ = "read, LiteLLM 1.106.2"

UNPRICED = Rule(
    "LNT101",
    Severity.WARNING,
    "{budget} counts what {model} costs, and LiteLLM has no price for it",
    "The cost of a model that is neither in LiteLLM's price map nor priced in the file is 0, so spending "
    "on it moves no budget.",
    instead="requests to {model} are free as far as the budget knows",
    help="write input_cost_per_token and output_cost_per_token, or a base_model that is in the map",
    source="measured, LiteLLM 1.106.2, 2026-11-22; https://github.com/BerriAI/litellm/issues/11083",
)
PER_MILLION = Rule(
    "LNT102",
    Severity.WARNING,
    "`{key}: {value}` is a price for one token: {per_mtok:,.0f} USD a million",
    "No model costs more than 1,000 USD a million tokens; prices are published per million, and this "
    "key takes them per token.",
    instead="every cost is far too high, and budgets are gone after the first requests",
    help="divide by 1,000,000",
    source="https://docs.litellm.ai/docs/proxy/custom_pricing; the price map of LiteLLM 1.106.2, "
    "2026-11-22",
)
OTHER_PRICE = Rule(
    "LNT103",
    Severity.INFO,
    "`{key}` says {own} USD a million tokens for {model}, and {source} {known}",
    "A price in the file replaces the one that LiteLLM knows; it does not follow when the provider "
    "changes its prices.",
    instead="costs and budgets go by the price in the file",
    help="check the provider's price list, or delete the key where LiteLLM knows the price",
    source="https://github.com/BerriAI/litellm/issues/39501",
)
NO_DATABASE = Rule(
    "LNT104",
    Severity.INFO,
    "`max_budget` of the whole proxy needs a database, and the file names none",
    "Without a database the proxy keeps no sum of what was spent, and says so in its log only.",
    instead="unless DATABASE_URL is set in the environment, nothing is enforced",
    help="set DATABASE_URL or general_settings.database_url, or use provider_budget_config",
    source=f"{_READ} proxy_server.py:10459, 2026-11-24; measured, 2026-11-22: 0.10 USD spent against 0.03",
)
NOBODYS_BUDGET = Rule(
    "LNT105",
    Severity.WARNING,
    "`provider_budget_config` has a budget for {provider!r}, and no deployment is of that provider{guess}",
    "Spending is counted under LiteLLM's own name of the provider, the prefix of the model.",
    instead="the budget limits nothing",
    help="name the provider as the models do: `openai`, `azure`, `vertex_ai`",
    source=f"{_READ} router_strategy/budget_limiter.py:746, 2026-11-24",
)
TAG_BUDGETS = Rule(
    "LNT106",
    Severity.INFO,
    "`tag_budget_config` needs LiteLLM Enterprise",
    "The open-source proxy does not start with it.",
    instead="without a licence the proxy stops at boot",
    help="use provider_budget_config, or budgets of keys",
    source="measured, LiteLLM 1.106.2, 2026-11-22",
)
NO_DURATION = Rule(
    "LNT107",
    Severity.WARNING,
    "`max_budget` of this deployment has no `budget_duration`",
    "A deployment's budget counts only with the period that it is for.",
    instead="the budget is ignored",
    help="write budget_duration, such as 1d or 30d",
    source="measured, LiteLLM 1.106.2, 2026-11-24: 4 requests of 2 USD against 0.01",
)
ZERO_BUDGET = Rule(
    "LNT109",
    Severity.WARNING,
    "`{key}: 0` is no budget at all",
    "A budget of 0 is taken for unset.",
    instead="spending is not limited",
    help="write the smallest amount that you accept, or take the models away",
    source=f"{_READ} proxy/auth/auth_checks.py:833 and router_strategy/budget_limiter.py:256, 2026-11-24",
)

_DEAREST_PER_TOKEN = 0.001
_TOLERANCE = 0.05
_PRICES = ("input_cost_per_token", "output_cost_per_token")
_OWN_MACHINES = frozenset(
    {
        *("ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile", "lemonade"),
        *("docker_model_runner", "xinference", "infinity", "triton", "oobabooga", "petals"),
    }
)
"""Whose tokens cost nothing to begin with."""
_TELLS_ITS_MODEL = frozenset({"azure", "openrouter", "litellm_proxy"})
"""Whose answers say which model it was, or what it cost: LiteLLM prices those."""


# --- Budgets --------------------------------------------------------------------------------------


def budgets_see_costs(file: File, report: Report) -> None:
    for entry in file.entries:
        budget = _budget_of(entry, file)
        if budget and _is_unpriced(entry):
            report.add(
                UNPRICED, file.place(*entry.path_of("model")), budget=budget, model=entry.model
            )


def _budget_of(entry: Entry, file: File) -> str:
    if entry.params.get("max_budget"):
        return "`max_budget` of the deployment"
    if _provider(entry) in mapping(file.router.get("provider_budget_config")):
        return "`provider_budget_config`"
    return "`max_budget` of the proxy" if file.litellm.get("max_budget") else ""


def _is_unpriced(entry: Entry) -> bool:
    provider = _provider(entry)
    if "*" in entry.model or provider in _OWN_MACHINES | _TELLS_ITS_MODEL or provider == "":
        return False
    if any("cost_per" in key for key in (*entry.params, *entry.info)):
        return False
    base = text(entry.info.get("base_model") or entry.params.get("base_model"))
    prices = load_price_map()
    return (prices.row(base) if base else prices.row_of_model(entry.model)) is None


def _provider(entry: Entry) -> str:
    """LiteLLM's name of it; empty where only LiteLLM's own guess from the name would tell."""
    prefix, slash, _ = entry.model.partition("/")
    if slash and prefix in KNOWN_PREFIXES:
        return prefix
    named = text(entry.params.get("custom_llm_provider"))
    row = load_price_map().row(entry.model)
    return named or (row.provider if row is not None else "")


def budgets_are_kept(file: File, report: Report) -> None:
    if number(file.litellm.get("max_budget")) and not file.general.get("database_url"):
        report.add(NO_DATABASE, file.place(LITELLM, "max_budget"))
    for section in (ROUTER, LITELLM):
        if mapping(file.value.get(section)).get("tag_budget_config"):
            report.add(TAG_BUDGETS, file.place(section, "tag_budget_config"))
    for entry in file.entries:
        if number(entry.params.get("max_budget")) and not entry.params.get("budget_duration"):
            report.add(NO_DURATION, file.place(*entry.path_of("max_budget")))


def budgets_limit_something(file: File, report: Report) -> None:
    for path, value in _amounts(file):
        if number(value) == 0:
            report.add(ZERO_BUDGET, file.place(*path), key=path[-1])


def _amounts(file: File) -> Iterator[tuple[Path, Any]]:
    yield (LITELLM, "max_budget"), file.litellm.get("max_budget")
    for provider, budget in mapping(file.router.get("provider_budget_config")).items():
        for key in ("budget_limit", "max_budget"):
            path = (ROUTER, "provider_budget_config", provider, key)
            yield path, mapping(budget).get(key)
    for entry in file.entries:
        yield entry.path_of("max_budget"), entry.params.get("max_budget")


def budgets_have_a_provider(file: File, report: Report) -> None:
    budgets = mapping(file.router.get("provider_budget_config"))
    served = {_provider(entry) for entry in file.entries}
    if not file.entries or "" in served:
        return
    for provider in budgets:
        if provider not in served:
            near = [name for name in served if name.startswith(provider) or provider in name]
            guess = f" (did you mean `{near[0]}`?)" if len(near) == 1 else ""
            place = file.place(ROUTER, "provider_budget_config", provider)
            report.add(NOBODYS_BUDGET, place, provider=provider, guess=guess)


# --- Prices ---------------------------------------------------------------------------------------


def prices_are_per_token(file: File, report: Report) -> None:
    for entry in file.entries:
        for path, key, value in _prices(entry):
            known, source = _known_per_mtok(file, entry, key)
            if value > _DEAREST_PER_TOKEN:
                fix = _divided(path, value) if known and _is_near(value, known) else None
                place, per_mtok = file.place(*path), value * 1e6
                report.add(PER_MILLION, place, fix, key=key, value=f"{value:g}", per_mtok=per_mtok)
            elif known and value and not _is_near(value * 1e6, known):
                report.add(
                    OTHER_PRICE,
                    file.place(*path),
                    key=key,
                    own=f"{value * 1e6:g}",
                    model=entry.model,
                    source=source,
                    known=f"{known:g}",
                )


def _prices(entry: Entry) -> Iterator[tuple[Path, str, float]]:
    for section, values in (("litellm_params", entry.params), ("model_info", entry.info)):
        for key in _PRICES:
            value = number(values.get(key))
            if value is not None:
                yield (*entry.path, section, key), key, value


def _known_per_mtok(file: File, entry: Entry, key: str) -> tuple[float | None, str]:
    """And who says so: LiteLLM's own map of the base model, where the file names one."""
    base = load_price_map().row(text(entry.info.get("base_model")))
    deployment = file.deployments.get(entry.index)
    if base is not None:
        known: Row | Known = base
        source = "LiteLLM's price map"
    elif deployment is not None:
        known = file.subject.known[deployment.id]
        source = known.source
    else:
        return None, ""
    is_input = key == _PRICES[0]
    return known.input_usd_per_mtok if is_input else known.output_usd_per_mtok, source


def _is_near(value: float, known: float) -> bool:
    return abs(value - known) <= _TOLERANCE * known


def _divided(path: Path, value: float) -> Fix:
    per_token = f"{Decimal(str(value)) / 1_000_000:f}"
    return Fix(f"write {per_token} instead of {value:g}", (Edit("set", path, per_token),))


CHECKS = (
    budgets_see_costs,
    budgets_are_kept,
    budgets_limit_something,
    budgets_have_a_provider,
    prices_are_per_token,
)
