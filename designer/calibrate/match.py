"""The catalog's name for what a row of a log was about.

Logs spell providers and models in the gateways' ways, with dates behind the model or with the ids of a
plan's deployments. Where a row does not tell the region, all regions of the model are meant.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from designer.catalog import Catalog, Offering
from designer.logs import Row

PROVIDERS: Final[Mapping[str, str]] = {
    "aws.bedrock": "bedrock",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "gemini",
    "gcp.vertex_ai": "vertex",
    "mistral_ai": "mistral",
    "x_ai": "xai",
}
"""OpenTelemetry's well-known values of `gen_ai.provider.name` (semantic conventions 1.38, read
2026-11-24) that are not the catalog's own; `provider_of` knows the gateways' spellings."""
_DATED: Final = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")


def provider_of(row: Row, catalog: Catalog) -> str:
    """Its id in the catalog; empty where it has none."""
    said = PROVIDERS.get(row.provider, row.provider)
    if said in catalog.providers:
        return said
    for provider in catalog.providers.values():
        spelled = (provider.litellm_prefix.rstrip("/"), provider.portkey_slug)
        if said and said in (*spelled, provider.openrouter_slug):
            return provider.id
    return ""


def match(row: Row, catalog: Catalog, deployments: Mapping[str, str]) -> str:
    """A pattern over offering ids, empty where nothing fits. `deployments`: a plan's ids → offerings."""
    planned = deployments.get(row.deployment)
    if planned is not None:
        return exactly(catalog.offerings[planned]) if planned in catalog.offerings else ""
    provider = provider_of(row, catalog)
    if row.provider and not provider:
        return ""  # somebody else sells it, whatever the model's name says
    for name in _names(row):
        found = catalog.by_gateway_name("litellm", name)
        if found is not None and provider in ("", found.provider):
            return exactly(found)
        if any(o.provider == provider for o in catalog.offerings_of(name)):
            return f"{provider}/{name}"
    return ""


def exactly(offering: Offering) -> str:
    return f"{offering.provider}/{offering.model}@{offering.region}"


def _names(row: Row) -> Iterator[str]:
    """What the model may be called, the most telling first."""
    for model in dict.fromkeys((row.model, _DATED.sub("", row.model))):
        yield f"{row.provider}/{model}"
        yield model
        yield model.rpartition("/")[2]
    yield row.deployment.rpartition("/")[2].partition("@")[0]
