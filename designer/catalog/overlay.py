"""The user's own facts on top of the packaged catalog: contracts, price sheets, measurements, models.

A file of up to eight lists: `facts`, `prices`, `scores`, `models`, `providers`, and what `designer
calibrate` writes: `latency`, `usage`, `availability`. This is the only way to the grades `contract`,
`measured` and `logs`. What comes from here says so wherever its source is shown. Nothing is taken away;
an entry that is wrong or matches nothing is a finding, and the others still count.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from designer.catalog.model import (
    CAPABILITIES,
    FACT_KEYS,
    FACT_LIFE_DAYS,
    HOSTED_INCIDENTS,
    Catalog,
    Evidence,
    Fact,
    FactRow,
    FactValue,
    Kind,
    Latency,
    Offering,
    Price,
    Score,
    Tier,
    Usage,
    add_custom_offering,
)
from designer.diagnostics import Report, Rule, Severity
from designer.documents import Document, read_yaml
from designer.errors import UsageError

WRONG_ENTRY = Rule(
    "CAT001",
    Severity.ERROR,
    "{what}: {problem}",
    "The overlay is your own evidence for prices, contracts and measurements. An entry that cannot "
    "be understood must not pass for one that was.",
    instead="the entry is left out",
    help="every entry says source and observed_on, and: facts applies_to, key, value; prices "
    "applies_to, input, output; latency applies_to, ttft_p50_s, tokens_per_s; usage applies_to, "
    "requests, input_tokens, output_tokens; availability provider, share, requests; scores model, "
    "bench, score; models provider, model, context_tokens; providers provider",
)
MATCHES_NOTHING = Rule(
    "CAT002",
    Severity.WARNING,
    "{pattern} matches nothing in the catalog{hint}",
    "A fact about an offering that does not exist satisfies no requirement, and usually is a slip "
    "of the pen.",
    instead="the entry has no effect",
    help="`designer catalog list` shows what there is",
)

Word = Annotated[str, Field(min_length=1)]
Usd = Annotated[Decimal, Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FactEntry(_Entry):
    applies_to: Word
    key: str
    value: FactValue
    source: Word
    observed_on: date
    expires_on: date | None = None
    condition: str = ""

    @field_validator("key")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in FACT_KEYS:
            raise ValueError(f"no such fact; there are {', '.join(FACT_KEYS)}")
        return value


class PriceEntry(_Entry):
    """USD per million tokens. What the catalog knows of tiers, off-peak hours and other ways of calling
    no longer counts."""

    applies_to: Word
    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    source: Word
    observed_on: date


class LatencyEntry(_Entry):
    applies_to: Word
    ttft_p50_s: Annotated[float, Field(gt=0)]
    tokens_per_s: Annotated[float, Field(gt=0)]
    grade: Literal["measured", "third_party"] = "measured"
    source: Word
    observed_on: date


class ScoreEntry(_Entry):
    """By a benchmark of your own, or one that the catalog has no figure of."""

    model: Word
    bench: Word
    score: float
    source: Word
    observed_on: date


class ProviderEntry(_Entry):
    provider: Word
    headquarters: str | None = None
    """ISO 3166, as `datacenters`."""
    datacenters: tuple[str, ...] = ()
    status_page: str = ""
    source: Word
    observed_on: date


class UsageEntry(_Entry):
    """What an average request really was."""

    applies_to: Word
    requests: Annotated[int, Field(gt=0)]
    input_tokens: Annotated[int, Field(ge=0)]
    output_tokens: Annotated[int, Field(ge=0)]
    usd_per_request: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    source: Word
    observed_on: date


class AvailabilityEntry(_Entry):
    """Share of requests that a provider answered; how long its incidents take stays the catalog's."""

    provider: Word
    share: Annotated[float, Field(gt=0, lt=1)]
    requests: Annotated[int, Field(gt=0)]
    source: Word
    observed_on: date


class ModelEntry(_Entry):
    provider: Word
    model: Word
    context_tokens: Annotated[int, Field(gt=0)]
    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    capabilities: frozenset[str] = frozenset()
    kind: Kind = "chat"
    tier: Tier = "balanced"
    region: str = "global"
    input: Usd = Decimal(0)
    output: Usd = Decimal(0)
    source: Word
    observed_on: date

    @field_validator("capabilities")
    @classmethod
    def _are_known(cls, value: frozenset[str]) -> frozenset[str]:
        unknown = sorted(value - CAPABILITIES)
        if unknown:
            raise ValueError(f"no such capability: {', '.join(unknown)}")
        return value


SECTIONS = ("facts", "prices", "latency", "usage", "availability", "scores", "models", "providers")

MARK = "overlay: "
"""Before the source of whatever is from here."""

Entry = TypeVar("Entry", bound=_Entry)


def apply_overlay(catalog: Catalog, path: Path, report: Report) -> Catalog:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"cannot read the overlay {path}: {problem.strerror}") from problem
    document = read_yaml(text, str(path), report)
    if document is None or document.value is None:
        return catalog
    if not isinstance(document.value, dict):
        report.add(WRONG_ENTRY, document.place(), what="overlay", problem="it is not a mapping")
        return catalog
    for name in document.value:
        if name not in SECTIONS:
            hint = _did_you_mean(str(name), SECTIONS)
            wrong = f"no such section{hint}; there are {', '.join(SECTIONS)}"
            report.add(WRONG_ENTRY, document.place(name), what=name, problem=wrong)
    for place, model in _entries(document, "models", ModelEntry, report):
        if model.provider in catalog.providers:
            catalog = _with_model(catalog, model)
            continue
        hint = _did_you_mean(model.provider, tuple(catalog.providers))
        at = document.place(*place, "provider")
        report.add(WRONG_ENTRY, at, what=model.provider, problem=f"no such provider{hint}")
    for place, price in _entries(document, "prices", PriceEntry, report):
        catalog = _changed(
            catalog, price.applies_to, {"price": _price(price)}, document, place, report
        )
    for place, speed in _entries(document, "latency", LatencyEntry, report):
        change = {"latency": _latency(speed)}
        catalog = _changed(catalog, speed.applies_to, change, document, place, report)
    for place, used in _entries(document, "usage", UsageEntry, report):
        catalog = _changed(
            catalog, used.applies_to, {"usage": _usage(used)}, document, place, report
        )
    for place, share in _entries(document, "availability", AvailabilityEntry, report):
        catalog = _with_availability(catalog, share, document, place, report)
    for place, score in _entries(document, "scores", ScoreEntry, report):
        if score.model in catalog.models:
            catalog = _scored(catalog, score)
        else:
            _matches_nothing(catalog.models, score.model, document, (*place, "model"), report)
    for place, said in _entries(document, "providers", ProviderEntry, report):
        if said.provider in catalog.providers:
            catalog = _described(catalog, said)
        else:
            named = (*place, "provider")
            _matches_nothing(catalog.providers, said.provider, document, named, report)
    rows = []
    for place, fact in _entries(document, "facts", FactEntry, report):
        if not catalog.matching(fact.applies_to):
            where = (*place, "applies_to")
            _matches_nothing(_patterns(catalog), fact.applies_to, document, where, report)
        rows.append(_fact(fact))
    return replace(catalog, facts=(*catalog.facts, *rows))


def _entries(
    document: Document, section: str, kind: type[Entry], report: Report
) -> Iterator[tuple[tuple[str, int], Entry]]:
    listed = document.value.get(section) or []
    if not isinstance(listed, list):
        report.add(WRONG_ENTRY, document.place(section), what=section, problem="it is not a list")
        return
    for index, raw in enumerate(listed):
        try:
            yield (section, index), kind.model_validate(raw)
        except ValidationError as problems:
            for problem in problems.errors():
                report.add(
                    WRONG_ENTRY,
                    document.place(section, index, *problem["loc"]),
                    what=".".join(str(part) for part in problem["loc"]) or section,
                    problem=problem["msg"].removeprefix("Value error, "),
                )


def _with_model(catalog: Catalog, entry: ModelEntry) -> Catalog:
    return add_custom_offering(
        catalog,
        entry.provider,
        entry.model,
        context_tokens=entry.context_tokens,
        max_output_tokens=entry.max_output_tokens,
        capabilities=entry.capabilities,
        price=Price(
            entry.input,
            entry.output,
            "overlay",
            (
                Evidence(
                    MARK + entry.source, entry.model, entry.input, entry.output, entry.observed_on
                ),
            ),
        ),
        kind=entry.kind,
        tier=entry.tier,
        region=entry.region,
        source=MARK + entry.source,
        observed_on=entry.observed_on,
    )


def _usage(entry: UsageEntry) -> Usage:
    return Usage(
        entry.requests,
        entry.input_tokens,
        entry.output_tokens,
        entry.usd_per_request,
        entry.source,
        str(entry.observed_on),
    )


def _with_availability(
    catalog: Catalog,
    entry: AvailabilityEntry,
    document: Document,
    place: tuple[str, int],
    report: Report,
) -> Catalog:
    provider = catalog.providers.get(entry.provider)
    if provider is None:
        hint = _did_you_mean(entry.provider, tuple(catalog.providers))
        where = document.place(*place, "provider")
        report.add(WRONG_ENTRY, where, what=entry.provider, problem=f"no such provider{hint}")
        return catalog
    incidents = replace(
        provider.incidents or HOSTED_INCIDENTS,
        availability=entry.share,
        grade="logs",
        source=entry.source,
        as_of=str(entry.observed_on),
        requests=entry.requests,
    )
    known = {**catalog.providers, provider.id: replace(provider, incidents=incidents)}
    return replace(catalog, providers=known)


def _price(entry: PriceEntry) -> Price:
    source = MARK + entry.source
    proof = Evidence(source, entry.applies_to, entry.input, entry.output, entry.observed_on)
    return Price(
        entry.input,
        entry.output,
        "overlay",
        (proof,),
        cache_read=entry.cache_read,
        cache_write=entry.cache_write,
    )


def _latency(entry: LatencyEntry) -> Latency:
    source, as_of = MARK + entry.source, str(entry.observed_on)
    return Latency(entry.ttft_p50_s, entry.tokens_per_s, entry.grade, source, as_of)


def _scored(catalog: Catalog, entry: ScoreEntry) -> Catalog:
    model = catalog.models[entry.model]
    own = Score(entry.bench, entry.score, str(entry.observed_on), MARK + entry.source)
    others = (score for score in model.quality if score.bench != entry.bench)
    scored = replace(model, quality=(*others, own))
    return replace(catalog, models={**catalog.models, model.id: scored})


def _described(catalog: Catalog, entry: ProviderEntry) -> Catalog:
    provider = catalog.providers[entry.provider]
    described = replace(
        provider,
        headquarters=entry.headquarters or provider.headquarters,
        datacenters=entry.datacenters or provider.datacenters,
        status_page=entry.status_page or provider.status_page,
        source=MARK + entry.source,
        observed_on=entry.observed_on,
    )
    return replace(catalog, providers={**catalog.providers, provider.id: described})


def _fact(entry: FactEntry) -> FactRow:
    expires_on = entry.expires_on or entry.observed_on + timedelta(days=FACT_LIFE_DAYS)
    return FactRow(
        entry.applies_to,
        Fact(
            entry.key,
            entry.value,
            entry.condition,
            MARK + entry.source,
            entry.observed_on,
            expires_on,
            "contract",
        ),
        is_own=True,
    )


def _changed(
    catalog: Catalog,
    pattern: str,
    change: dict[str, Any],
    document: Document,
    place: tuple[str, int],
    report: Report,
) -> Catalog:
    found: dict[str, Offering] = {
        offering.id: replace(offering, **change) for offering in catalog.matching(pattern)
    }
    if not found:
        _matches_nothing(_patterns(catalog), pattern, document, (*place, "applies_to"), report)
    return replace(catalog, offerings={**catalog.offerings, **found})


def _matches_nothing(
    known: Iterable[str],
    name: str,
    document: Document,
    place: tuple[str | int, ...],
    report: Report,
) -> None:
    hint = _did_you_mean(name, tuple(known))
    report.add(MATCHES_NOTHING, document.place(*place), pattern=repr(name), hint=hint)


def _patterns(catalog: Catalog) -> Iterator[str]:
    yield from catalog.offerings
    yield from (f"{provider}/*" for provider in catalog.providers)


def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
