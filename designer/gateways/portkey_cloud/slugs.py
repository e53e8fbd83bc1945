"""Slugs of provider integrations: which one a deployment uses, and which provider one stands for."""

import hashlib
import re

from designer.gateways.portkey_cloud.tables import PROVIDERS, SLUG
from designer.ir import Deployment


def provider_of(slug: str) -> str:
    """The catalog's provider that the slug begins with, else the slug itself with its `@`."""
    lower = slug.lower()
    known = [p for p in PROVIDERS if lower == p or lower.startswith(f"{p}-")]
    return max(known, key=len) if known else f"@{slug}"


def slug_of(deployment: Deployment, route: str) -> str:
    """The slug to use: the one it has, else one made of its account's name.

    `route` is one that uses it: the planner's ids are `route/account/model`.
    """
    given = dict(deployment.settings).get(SLUG, "")
    if _is_slug(given) and provider_of(given) == deployment.provider:
        return given
    provider = deployment.provider.removeprefix("@")
    within = deployment.id.removeprefix(f"{route}/")
    account = _slugged(within.partition("/")[0] if within != deployment.id else provider)
    if provider not in PROVIDERS or provider_of(account) == provider:
        return account
    return f"{provider}-{account}"


def _is_slug(text: str) -> bool:
    return bool(text) and "/" not in text


def _slugged(name: str) -> str:
    """Small letters, digits and dashes; another name never gives the same slug."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain and plain == name:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{plain}-{digest}" if plain else f"provider-{digest}"
