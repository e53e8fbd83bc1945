"""What the catalog knows, as frozen values, and the questions it answers.

A *model* is the thing itself; an *offering* is a model at one provider with one scope of regions,
and it is offerings, not brands, that have prices, residency and contracts. This module reads no
file and no clock: `as_of` comes from the caller. What is not known is `unknown`, never a guess, and
`unknown` satisfies no requirement.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

Day = date
"""For `Catalog`, whose own `date` hides the type's name."""

Status = Literal["active", "preview", "deprecated", "retired"]
Kind = Literal["chat", "embedding"]
Purpose = Literal["general", "code"]
Tier = Literal["fast", "balanced", "smart"]
FactValue = Literal["yes", "obtainable", "no", "unknown"]
Agreement = Literal["agree", "single", "conflict", "overlay"]
"""`overlay`: the user's own price, whatever others say."""

TIERS: Final[tuple[Tier, ...]] = ("fast", "balanced", "smart")
"""From least to most able, so that an index compares."""

CAPABILITIES: Final = frozenset(
    {"tools", "json", "streaming", "vision", "reasoning", "prompt_cache", "pdf"}
)
FACT_KEYS: Final = (
    "zero_retention",
    "no_training",
    "dpa",
    "baa",
    "hipaa",
    "soc2",
    "iso27001",
    "eu_residency",
    "us_residency",
)
"""`baa`: the contract can be signed; `hipaa`: the service may hold health data once it is."""

FACT_LIFE_DAYS: Final = 180
"""A contract page read longer ago than this proves nothing."""

_ROUTE_WORDS: Final = ("converse", "invoke", "converse_like", "responses", "chat")
"""Words LiteLLM takes between provider and model to choose an API; they change no facts."""

_OPENROUTER_REGIONS: Final[Mapping[str, str | None]] = {"europe": "eu", "eu": "eu", "us": "us"}
"""What stands behind the slash of a provider slug, as in `google-vertex/europe`."""


# --- Models ---------------------------------------------------------------------------------------


class Score(Struct, frozen=True, omit_defaults=True):
    bench: str
    score: float
    as_of: str
    """As precise as the source is: a day, or a month."""
    source: str


class Model(Struct, frozen=True, omit_defaults=True):
    id: str
    developer: str
    family: str
    status: Status
    kind: Kind
    context_tokens: int
    """Input and output together where the developer counts so; see `max_input_tokens`."""
    max_input_tokens: int
    max_output_tokens: int
    capabilities: frozenset[str]
    tier: Tier
    tier_why: str
    purpose: Purpose = "general"
    """`code`: its developer sells it for writing code, and for nothing else."""
    released: date | None = None
    retires_on: date | None = None
    quality: tuple[Score, ...] = ()
    """Empty means unknown, not average."""
    embedding_dimensions: int | None = None
    source: str = ""
    """Where limits and capabilities are from."""
    observed_on: date | None = None

    def score(self, bench: str) -> Score | None:
        return next((s for s in self.quality if s.bench == bench), None)


# --- Prices, all in USD per million tokens --------------------------------------------------------


class PriceTier(Struct, frozen=True, omit_defaults=True):
    """What every token of a request costs whose input is longer than `above_input_tokens`."""

    above_input_tokens: int
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None


class Rate(Struct, frozen=True, omit_defaults=True):
    """What tokens cost in another way of calling: in a batch, with priority, or when there is room."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    tiers: tuple[PriceTier, ...] = ()


class OffPeak(Struct, frozen=True, omit_defaults=True):
    """Cheaper hours. `hours_utc` are half-open spans of minutes after midnight UTC."""

    weekdays: frozenset[int]
    """ISO: 1 is Monday."""
    hours_utc: tuple[tuple[int, int], ...]
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None

    def covers(self, at: datetime) -> bool:
        moment = at.astimezone(UTC)
        minute = moment.hour * 60 + moment.minute
        return moment.isoweekday() in self.weekdays and any(
            start <= minute < end for start, end in self.hours_utc
        )


class Evidence(Struct, frozen=True, omit_defaults=True):
    source: str
    """Name and version of the data set, e.g. `litellm 1.106.2`."""
    entry: str
    """Which row of it."""
    input: Decimal
    output: Decimal
    observed_on: date
    url: str = ""
    """The page that the data set itself cites."""


class Price(Struct, frozen=True, omit_defaults=True):
    input: Decimal
    output: Decimal
    agreement: Agreement
    evidence: tuple[Evidence, ...]
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    """Kept for five minutes, where the provider distinguishes."""
    cache_write_1h: Decimal | None = None
    tiers: tuple[PriceTier, ...] = ()
    off_peak: tuple[OffPeak, ...] = ()
    """The price above is the peak's."""
    batch: Rate | None = None
    """None here and below: not sold, or not known."""
    flex: Rate | None = None
    priority: Rate | None = None
    valid_from: date | None = None
    note: str = ""

    def cost_usd(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        at: datetime | None = None,
    ) -> Decimal:
        """One call's price; cached and written tokens are part of `input_tokens`.

        Without `at` the peak price counts. A cache price that is not known is the input price.
        """
        rate: Price | PriceTier | OffPeak = self
        if at is not None:
            rate = next((window for window in self.off_peak if window.covers(at)), self)
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                rate = tier
        read = rate.input if rate.cache_read is None else rate.cache_read
        written = None if isinstance(rate, OffPeak) else rate.cache_write
        plain = input_tokens - cached_tokens - cache_write_tokens
        return (
            plain * rate.input
            + cached_tokens * read
            + cache_write_tokens * (rate.input if written is None else written)
            + output_tokens * rate.output
        ) / 1_000_000


# --- Offerings ------------------------------------------------------------------------------------


class PortkeyName(Struct, frozen=True, omit_defaults=True):
    provider: str
    model: str


class OpenRouterName(Struct, frozen=True, omit_defaults=True):
    model: str
    provider: str


class Names(Struct, frozen=True, omit_defaults=True):
    """How each gateway spells an offering. Kept by hand: no rule derives them."""

    litellm: str = ""
    """What `model:` says. Siblings may share it and differ in `Offering.pin`."""
    litellm_base_model: str = ""
    """The row of LiteLLM's own price map; what `base_model` says. Empty where it has none."""
    litellm_also: tuple[str, ...] = ()
    """Further spellings that hand-written files use."""
    portkey: PortkeyName | None = None
    openrouter: OpenRouterName | None = None


class Pin(Struct, frozen=True, omit_defaults=True):
    """What, besides the name, makes a request land in this offering and not in a sibling."""

    by: Literal["name", "host", "location", "body", "deployment"] = "name"
    """`host`: `Offering.api_base`. `deployment`: the type chosen when the deployment was made, which
    no configuration shows."""
    location: str = ""
    """`vertex_location` or `aws_region_name`."""
    body: Mapping[str, str] = field(default_factory=dict)


class Latency(Struct, frozen=True, omit_defaults=True):
    """A prior. Replace it by measurements (`designer calibrate`)."""

    ttft_p50_s: float
    tokens_per_s: float
    grade: Literal["measured", "third_party", "borrowed", "assumed"]
    """`borrowed`: measured elsewhere for the same model; `assumed`: the median of the tier."""
    source: str
    as_of: str


class Usage(Struct, frozen=True, omit_defaults=True):
    """What requests really were, from the user's own logs (`designer calibrate`)."""

    requests: int
    input_tokens: int
    output_tokens: int
    """Both of an average request."""
    usd_per_request: float | None
    """None where the logs have no cost."""
    source: str
    observed_on: str


class Offering(Struct, frozen=True, omit_defaults=True):
    id: str
    provider: str
    model: str
    region: str
    """`global`, `us`, `eu`, or one cloud region: where requests may be processed."""
    residency: str
    """What processing stays within by the offering's terms: `eu`, `us`, a country, a cloud region;
    `global` is anywhere. Whether the terms bind is a fact (`eu_residency`)."""
    regions: tuple[str, ...]
    """Cloud regions in which an account can hold it, or call it from."""
    regions_source: str
    regions_observed_on: date | None
    price: Price
    names: Names
    pin: Pin
    latency: Latency
    context_tokens: int
    max_input_tokens: int
    max_output_tokens: int
    capabilities: frozenset[str]
    deployment_type: Literal["", "global", "datazone", "regional"] = ""
    """Azure's word for `region`; empty elsewhere."""
    api_base: str = ""
    """Empty: the provider's, or the account's own."""
    secrets: tuple[str, ...] = ()
    """Names of the environment variables the gateways usually read."""
    failure_domain: str = ""
    """Offerings with the same word go down together, as far as anybody can tell in advance."""
    retires_on: date | None = None
    note: str = ""
    usage: Usage | None = None

    def is_retired(self, as_of: date) -> bool:
        return self.retires_on is not None and self.retires_on <= as_of


# --- Providers ------------------------------------------------------------------------------------


class Incidents(Struct, frozen=True, omit_defaults=True):
    """How often a provider is down, as a prior; `class` is borrowed from providers like it, `logs` is
    what the user's own say (`designer calibrate`)."""

    availability: float
    """Share of minutes without an incident."""
    repair_p50_min: float
    repair_p90_min: float
    between_failures_mean_d: float
    grade: Literal["logs", "measured", "class"]
    source: str
    as_of: str
    requests: int = 0
    """What `logs` rests on."""


HOSTED_INCIDENTS: Final = Incidents(0.995, 61.0, 276.0, 5.65, "class", "assumed", "2026-11-24")
"""For a provider without incident statistics: repair times as those of the hosted ones."""


class Provider(Struct, frozen=True, omit_defaults=True):
    id: str
    title: str
    cloud: str
    developer: str
    """Whose models it sells as its own; empty where it only serves other people's."""
    headquarters: str
    """ISO 3166 country; empty for software the user runs."""
    dialect: Literal[
        "openai", "anthropic", "gemini", "azure", "bedrock", "vertex", "cohere", "ollama"
    ]
    """The shape of the wire."""
    litellm_prefix: str
    portkey_slug: str
    openrouter_slug: str
    api_base: str
    secrets: tuple[str, ...]
    failure_domain: str
    is_self_hosted: bool
    incidents: Incidents | None
    source: str
    observed_on: date
    datacenters: tuple[str, ...] = ()
    """ISO 3166 countries, where a listing was imported; empty means unknown."""
    status_page: str = ""


# --- Facts ----------------------------------------------------------------------------------------


class Fact(Struct, frozen=True, omit_defaults=True):
    key: str
    value: FactValue
    condition: str = ""
    """What has to be done or to be true for the value to hold."""
    source: str = ""
    observed_on: date | None = None
    expires_on: date | None = None
    grade: Literal["vendor", "third_party", "conflict", "operator", "contract", "none"] = "none"
    """`operator`: so because the user runs it; `contract`: the user's own paper, from an overlay."""

    def is_current(self, as_of: date) -> bool:
        return self.expires_on is not None and as_of <= self.expires_on


class FactRow(Struct, frozen=True, omit_defaults=True):
    """One fact and the offerings it is about, as a pattern over offering ids."""

    applies_to: str
    fact: Fact
    is_own: bool = False
    """From the user's overlay: beats the catalog's, however narrow that is."""


class Source(Struct, frozen=True, omit_defaults=True):
    id: str
    version: str
    licence: str
    observed_on: date
    sha256: str = ""
    url: str = ""


# --- The catalog ----------------------------------------------------------------------------------


class Catalog(Struct, frozen=True, dict=True):
    date: Day
    """The day the facts were gathered: the default `as_of`."""
    sources: tuple[Source, ...]
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    offerings: Mapping[str, Offering]
    facts: tuple[FactRow, ...]
    """The user's own beat the catalog's, then narrower patterns wider ones, then later earlier."""

    def offering(self, offering_id: str) -> Offering | None:
        return self.offerings.get(offering_id)

    def offerings_of(self, model_id: str) -> tuple[Offering, ...]:
        return self._by_model.get(model_id, ())

    def model_of(self, offering: Offering) -> Model:
        return self.models[offering.model]

    def matching(self, pattern: str) -> tuple[Offering, ...]:
        """By id or glob; a pattern without a region takes every region, without a provider every one.

        >>> [o.id for o in catalog.matching("bedrock/*@eu")]  # doctest: +SKIP
        """
        return tuple(o for o in self.offerings.values() if _matches(pattern, o))

    def fact(self, offering: Offering, key: str, as_of: Day) -> Fact:
        """What is known on that day; expired or never known is `unknown`, with the reason."""
        if key not in FACT_KEYS:
            raise KeyError(f"no such fact: {key}; there are {', '.join(FACT_KEYS)}")
        found = self._fact_row(offering, key)
        if found is None:
            return Fact(key, "unknown", "nobody has looked")
        if not found.is_current(as_of):
            return replace(found, value="unknown", condition=f"expired on {found.expires_on}")
        if found.grade == "conflict":
            return replace(found, value="unknown")
        return found

    def status_of(self, offering: Offering, as_of: Day) -> Status:
        """The model's status, or the offering's end if that comes first."""
        model = self.models[offering.model]
        if offering.is_retired(as_of) or (model.retires_on and model.retires_on <= as_of):
            return "retired"
        return model.status

    def openrouter_endpoints(self, slug: str) -> tuple[Offering, ...]:
        """Every offering that may answer for a model slug, in the catalog's order."""
        return self._endpoints.get(slug, ())

    def by_gateway_name(
        self,
        gateway: str,
        name: str,
        api_base: str | None = None,
        region: str | None = None,
        provider: str | None = None,
    ) -> Offering | None:
        """The offering that a gateway's spelling means, or None when the catalog has none.

        `gateway` is a token (`litellm@1.106`, `portkey-oss`, `openrouter`) or its family. `provider`
        is Portkey's or OpenRouter's provider slug. Where several offerings share the spelling, the
        API host and the region decide; with neither it is the one without a region, so that nothing
        is ever thought to stay where it might not. A host the catalog does not know is somebody
        else's server, whatever the name says. An OpenRouter slug without a provider means the
        developer's own endpoint, if there is one (`openrouter_endpoints` has them all).
        """
        family = gateway.partition("@")[0].partition("-")[0]
        host = _host(api_base or "")
        if family == "litellm":
            name, region = _plain_litellm(name, region)
        if family == "openrouter":
            provider, _, spelled = (provider or self._developer_slug(name)).partition("/")
            region = region or _OPENROUTER_REGIONS.get(spelled, spelled or None)
        found = self._spellings.get((family, provider or "", name))
        return _pinned(found, host, region) if found else None

    def _developer_slug(self, slug: str) -> str:
        for offering in self.openrouter_endpoints(slug):
            provider = self.providers[offering.provider]
            if provider.developer and provider.developer == self.models[offering.model].developer:
                return provider.openrouter_slug
        return ""

    @cached_property
    def _by_model(self) -> Mapping[str, tuple[Offering, ...]]:
        found: dict[str, list[Offering]] = {}
        for offering in self.offerings.values():
            found.setdefault(offering.model, []).append(offering)
        return {model: tuple(offerings) for model, offerings in found.items()}

    @cached_property
    def _spellings(self) -> Mapping[tuple[str, str, str], tuple[Offering, ...]]:
        found: dict[tuple[str, str, str], list[Offering]] = {}
        for offering in self.offerings.values():
            for spelling in spellings(offering):
                found.setdefault(spelling, []).append(offering)
        return {spelling: tuple(offerings) for spelling, offerings in found.items()}

    @cached_property
    def _endpoints(self) -> Mapping[str, tuple[Offering, ...]]:
        found: dict[str, list[Offering]] = {}
        for offering in self.offerings.values():
            if offering.names.openrouter:
                found.setdefault(offering.names.openrouter.model, []).append(offering)
        return {slug: tuple(offerings) for slug, offerings in found.items()}

    @cached_property
    def _facts_of(self) -> Mapping[tuple[str, str], tuple[FactRow, ...]]:
        found: dict[tuple[str, str], list[FactRow]] = {}
        for row in self.facts:
            provider = row.applies_to.partition("/")[0]
            found.setdefault((provider, row.fact.key), []).append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    def _fact_row(self, offering: Offering, key: str) -> Fact | None:
        rows = (
            row
            for scope in ("*", offering.provider)
            for row in self._facts_of.get((scope, key), ())
            if _matches(row.applies_to, offering)
        )
        # Sorting is stable: of equally narrow rows the last one counts.
        ordered = sorted(rows, key=lambda row: (row.is_own, _narrowness(row.applies_to)))
        return ordered[-1].fact if ordered else None


def spellings(offering: Offering) -> Iterable[tuple[str, str, str]]:
    """Every (gateway family, provider slug, name) that means this offering or a sibling of it."""
    names = offering.names
    for name in dict.fromkeys((names.litellm, names.litellm_base_model, *names.litellm_also)):
        if name:
            yield "litellm", "", name
    if names.portkey:
        yield "portkey", names.portkey.provider, names.portkey.model
    if names.openrouter:
        yield "openrouter", names.openrouter.provider, names.openrouter.model


def add_custom_offering(
    catalog: Catalog,
    provider: str,
    model_id: str,
    *,
    context_tokens: int,
    max_output_tokens: int | None = None,
    capabilities: Iterable[str] = (),
    price: Price | None = None,
    kind: Kind = "chat",
    tier: Tier = "balanced",
    region: str = "global",
    source: str = "the profile",
    observed_on: date | None = None,
) -> Catalog:
    """The catalog with one model more at `provider`, as a profile's own account describes it.

    A model that the catalog knows keeps its quality and tier; only the offering is new (or replaced).
    Without a price a token costs nothing: what the machine costs is the account's affair.
    """
    host = catalog.providers[provider]
    wanted = frozenset(capabilities)
    day = observed_on or catalog.date
    model = catalog.models.get(model_id) or Model(
        id=model_id,
        developer="",
        family=model_id,
        status="active",
        kind=kind,
        context_tokens=context_tokens,
        max_input_tokens=context_tokens,
        max_output_tokens=max_output_tokens or context_tokens,
        capabilities=wanted,
        tier=tier,
        tier_why="a model of the user's own; the tier is what the profile says, or balanced",
        source=source,
        observed_on=day,
    )
    offering = Offering(
        id=offering_id(provider, model_id, region),
        provider=provider,
        model=model_id,
        region=region,
        residency=region,
        regions=() if region == "global" else (region,),
        regions_source=source,
        regions_observed_on=day,
        price=price or free(source, day),
        names=Names(
            litellm=f"{host.litellm_prefix}{model_id}",
            portkey=PortkeyName(host.portkey_slug, model_id) if host.portkey_slug else None,
        ),
        pin=Pin(),
        latency=_typical_latency(catalog, model.tier),
        context_tokens=context_tokens,
        max_input_tokens=context_tokens,
        max_output_tokens=max_output_tokens or context_tokens,
        capabilities=wanted or model.capabilities,
        secrets=host.secrets,
        failure_domain=host.failure_domain,
    )
    return replace(
        catalog,
        models={**catalog.models, model_id: model},
        offerings={**catalog.offerings, offering.id: offering},
    )


def offering_id(provider: str, model: str, region: str) -> str:
    return f"{provider}/{model}" if region == "global" else f"{provider}/{model}@{region}"


def free(source: str, observed_on: date) -> Price:
    nothing = Decimal(0)
    return Price(
        nothing,
        nothing,
        "single",
        (Evidence(source, "no price per token", nothing, nothing, observed_on),),
        note="tokens cost nothing; the machine does",
    )


def _typical_latency(catalog: Catalog, tier: Tier) -> Latency:
    """The prior that the update script gave to offerings of this tier without a measurement."""
    assumed = [
        offering.latency
        for offering in catalog.offerings.values()
        if offering.latency.grade == "assumed" and catalog.models[offering.model].tier == tier
    ]
    return assumed[0] if assumed else Latency(1.5, 80.0, "assumed", "no source", str(catalog.date))


def _matches(pattern: str, offering: Offering) -> bool:
    if "/" not in pattern:
        pattern = f"*/{pattern}"
    whole = f"{offering.provider}/{offering.model}@{offering.region}"
    return fnmatchcase(whole, pattern if "@" in pattern else f"{pattern}@*")


def _narrowness(pattern: str) -> int:
    return len(pattern.replace("*", ""))


def _plain_litellm(name: str, region: str | None) -> tuple[str, str | None]:
    """Take out what LiteLLM allows between provider and model: API words and a Bedrock region."""
    parts = name.split("/")
    if len(parts) > 2 and parts[1] in _ROUTE_WORDS:
        parts.pop(1)
    if len(parts) > 2 and parts[0] == "bedrock" and _looks_like_aws_region(parts[1]):
        region = region or parts[1]
        parts.pop(1)
    return "/".join(parts), region


def _looks_like_aws_region(word: str) -> bool:
    pieces = word.split("-")
    return len(pieces) == 3 and pieces[2].isdigit()


def _pinned(candidates: tuple[Offering, ...], host: str, region: str | None) -> Offering | None:
    at_host = [o for o in candidates if not host or _host(o.api_base) in ("", host)]
    if host and any(o.pin.by == "host" and o.api_base for o in at_host):
        at_host = [o for o in at_host if o.pin.by == "host"]
    if region:
        # A cloud region says where an Azure resource stands, not where its deployments compute.
        within = [o for o in at_host if region in o.regions and o.pin.by != "deployment"]
        named = [o for o in at_host if o.region == region]
        for offering in (*named, *(o for o in within if o.region != "global")):
            return offering
    for offering in at_host:
        if offering.region == "global" or (host and offering.pin.by == "host"):
            return offering
    # A zone's own row (`azure/eu/…`), or an inference profile: the name itself says the region.
    alone = len(at_host) == 1 and at_host[0].pin.by in ("name", "deployment")
    return at_host[0] if alone else None


def _host(api_base: str) -> str:
    """Empty where the address has none, or is no address."""
    try:
        return urlsplit(api_base).hostname or ""
    except ValueError:
        return ""
