"""What is known of a deployment: from the file itself, the catalog, and LiteLLM's price map, in that order.

Nothing is known of most of the world's models: an answer may be None, and no check may take None for
a no.
"""

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from designer.catalog import Offering, load_catalog
from designer.catalog.price_map import Row, load_price_map
from designer.ir import Deployment
from designer.load import Config


class Known(Struct, frozen=True):
    kind: str | None = None
    """chat | embedding | image_generation | …"""
    max_input_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    """All that it can do, where the catalog knows the offering."""
    calls_tools: bool | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    retires_on: date | None = None
    is_retired: bool = False
    """Also where nobody wrote down the day."""
    failure_domain: str = ""
    is_self_hosted: bool = False
    source: str = ""
    """Who says so, as the subject of a sentence."""


def known(config: Config, deployment: Deployment, as_of: date) -> Known:
    offering = config.offering(deployment)
    terms = config.parsed.terms.get(deployment.id)
    base_model = terms.base_model if terms is not None else ""
    provider = load_catalog().providers.get(deployment.provider)
    if offering is not None:
        found = _of_offering(offering, as_of, is_named=bool(base_model))
    else:
        row = None if deployment.api_base else _row(deployment, base_model)
        found = Known() if row is None else _of_row(row, as_of)
    return replace(
        found,
        max_input_tokens=(terms and terms.max_input_tokens) or found.max_input_tokens,
        failure_domain=found.failure_domain or (provider.failure_domain if provider else ""),
        is_self_hosted=provider is not None and provider.is_self_hosted,
    )


def _of_offering(offering: Offering, as_of: date, is_named: bool) -> Known:
    """On Azure a deployment's name need not be its model's; only a base model says which one it is."""
    catalog = load_catalog()
    model = catalog.model_of(offering)
    is_sure = is_named or offering.pin.by != "deployment"
    ends = [day for day in (offering.retires_on, model.retires_on) if day is not None]
    return Known(
        kind=model.kind,
        max_input_tokens=offering.max_input_tokens,
        capabilities=offering.capabilities,
        calls_tools="tools" in offering.capabilities,
        input_usd_per_mtok=float(offering.price.input),
        output_usd_per_mtok=float(offering.price.output),
        retires_on=min(ends, default=None) if is_sure else None,
        is_retired=is_sure and catalog.status_of(offering, as_of) == "retired",
        failure_domain=offering.failure_domain,
        source="the catalog",
    )


def _row(deployment: Deployment, base_model: str) -> Row | None:
    prices = load_price_map()
    if base_model:
        return prices.row(base_model)
    if deployment.provider == "azure":
        return None  # the name is the deployment's own
    provider = load_catalog().providers.get(deployment.provider)
    prefix = provider.litellm_prefix if provider is not None else f"{deployment.provider}/"
    return prices.row_of_model(f"{prefix}{deployment.model}")


_MAP = "LiteLLM's price map"
_WELL_KEPT = ("bedrock", "bedrock_converse", "perplexity")
"""Providers of whose models the price map says every one that can call tools (compared 2026-11-24)."""


def _calls_tools(row: Row) -> bool | None:
    if "tools" in row.capabilities:
        return True
    is_no = "no_tools" in row.capabilities or row.provider in _WELL_KEPT
    return False if is_no and row.mode == "chat" else None


def _of_row(row: Row, as_of: date) -> Known:
    return Known(
        kind=row.mode or None,
        max_input_tokens=row.max_input_tokens,
        calls_tools=_calls_tools(row),
        input_usd_per_mtok=row.input_usd_per_mtok,
        output_usd_per_mtok=row.output_usd_per_mtok,
        retires_on=row.retires_on,
        is_retired=row.retires_on is not None and row.retires_on <= as_of,
        source=_MAP,
    )
