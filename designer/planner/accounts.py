"""The provider accounts a profile has, and the deployments that each of them could hold."""

import difflib
from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal

from msgspec import Struct

from designer.catalog import Catalog, Offering, add_custom_offering
from designer.catalog.model import Evidence, Price
from designer.diagnostics import Report, Rule, Severity
from designer.profile.load import LoadedProfile
from designer.profile.model import ProviderAccount
from designer.profile.regions import region_within
from designer.profile.scalars import LEFT_ALONE

UNKNOWN_PROVIDER = Rule(
    "PLN101",
    Severity.ERROR,
    "unknown provider {name!r}{hint}",
    "A provider has to be one of the catalog's, since prices, regions and contracts hang on it.",
    help="designer catalog list shows them all",
)


class Account(Struct, frozen=True):
    """One contract with one provider: what deployments are reached through."""

    settings: ProviderAccount
    path: str = ""
    """Where the profile speaks of it, `providers[0]`; empty where it does not."""

    @property
    def name(self) -> str:
        return self.settings.id

    @property
    def provider(self) -> str:
        return self.settings.name

    def agreement(self, kind: str, as_of: date) -> str | None:
        """The reference of a signed agreement that is still in force."""
        for agreement in self.settings.agreements:
            if agreement.kind == kind and (agreement.until is None or agreement.until >= as_of):
                return agreement.ref or agreement.kind
        return None


class Candidate(Struct, frozen=True):
    """A deployment that could be: an offering reached through an account."""

    account: Account
    offering: Offering
    region: str | None
    """Where the account puts it; None where the offering's own scope says all."""
    wire_model: str
    """The name on the wire: on Azure the deployment's name."""

    @property
    def id(self) -> str:
        return f"{self.account.name}/{self.offering.model}"

    def __str__(self) -> str:
        return f"{self.id}@{self.region or self.offering.region}"


def accounts(loaded: LoadedProfile, catalog: Catalog, report: Report) -> list[Account]:
    """The profile's accounts; without any, one for every provider of the catalog that is hosted."""
    listed = loaded.profile.providers
    if listed is None:
        hosted = (p for p in catalog.providers.values() if not p.is_self_hosted)
        return [Account(ProviderAccount(name=provider.id)) for provider in hosted]
    found = []
    for index, settings in enumerate(listed):
        path = f"providers[{index}]"
        if settings.name in catalog.providers:
            found.append(Account(settings, path))
        else:
            place = loaded.positions.place(path)
            hint = _hint(settings.name, catalog)
            report.add(UNKNOWN_PROVIDER, place, name=settings.name, hint=hint)
    return found


def with_own_models(catalog: Catalog, own: Iterable[Account]) -> Catalog:
    """The catalog with the models that accounts describe themselves (a vLLM's, a fine-tune)."""
    for account in own:
        settings = account.settings
        for name, described in settings.models.items():
            model = name.rpartition("/")[2]
            known = any(o.provider == account.provider for o in catalog.offerings_of(model))
            if known and described.context is None:
                continue
            catalog = add_custom_offering(
                catalog,
                account.provider,
                model,
                context_tokens=described.context or _CONTEXT_TOKENS,
                capabilities=described.capabilities or (),
                price=_machine_price(account, catalog),
                region=settings.regions[0] if settings.regions else "global",
                source=f"profile, {account.path}.models",
            )
    return catalog


_CONTEXT_TOKENS = 8192
"""Of a user's own model whose context window the profile does not tell: a small one, to be safe."""


def _machine_price(account: Account, catalog: Catalog) -> Price | None:
    """Tokens of a machine paid by the hour cost nothing more; the forecast adds the hours."""
    cost = account.settings.cost
    if cost is None:
        return None
    nothing = Decimal(0)
    source = Evidence("profile", f"{account.path}.cost", nothing, nothing, catalog.date)
    return Price(nothing, nothing, "single", (source,), note=f"the machine costs {cost}")


def candidates(account: Account, catalog: Catalog) -> list[Candidate]:
    """Every deployment the account could hold, by its regions, deployment type and own models."""
    settings = account.settings
    described = {name.rpartition("/")[2]: model for name, model in settings.models.items()}
    self_hosted = catalog.providers[account.provider].is_self_hosted
    found = []
    for offering in catalog.offerings.values():
        if offering.provider != account.provider:
            continue
        own = described.get(offering.model)
        if own is None and (self_hosted or described):
            continue
        if settings.deployment_type and offering.deployment_type != settings.deployment_type:
            continue
        name = own.deployment if own and own.deployment else wire_name(offering, catalog)
        for region in _regions(settings, offering):
            found.append(Candidate(account, offering, region, name))
    return found


def _regions(settings: ProviderAccount, offering: Offering) -> tuple[str | None, ...]:
    """Where the account can hold the offering: its first region that fits, or nowhere."""
    if not settings.regions or (offering.region == "global" and not offering.regions):
        return (None,)
    fitting = [r for r in settings.regions if r in offering.regions or r == offering.region]
    return tuple(fitting[:1])


def wire_name(offering: Offering, catalog: Catalog) -> str:
    """The provider's own name of the model: LiteLLM's spelling without its prefix."""
    prefix = catalog.providers[offering.provider].litellm_prefix
    return offering.names.litellm.removeprefix(prefix) or offering.model


def is_within(
    candidate: Candidate, allowed: Iterable[str], homes: Collection[str], catalog: Catalog
) -> bool:
    """Whether processing stays inside; a self-hosted machine stands where its operator says.

    `homes` are the regions that the gateway runs in: where a machine without a region is taken to be.
    """
    offering, settings = candidate.offering, candidate.account.settings
    if offering.residency != "global":
        return region_within(offering.residency, allowed)
    if catalog.providers[settings.name].is_self_hosted and settings.api_base not in (
        None,
        LEFT_ALONE,
    ):
        places = [candidate.region] if candidate.region else homes
        return bool(places) and all(region_within(place, allowed) for place in places)
    return False


def _hint(name: str, catalog: Catalog) -> str:
    close = difflib.get_close_matches(name, list(catalog.providers), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
