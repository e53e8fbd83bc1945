"""The shape of the hand-kept files: curated.yaml, quality.yaml and facts.yaml, checked on reading.

Used by `update` only; what it makes of them is trusted afterwards.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from ruamel.yaml import YAML

from designer.catalog.model import (
    CAPABILITIES,
    FACT_KEYS,
    FACT_LIFE_DAYS,
    FactValue,
    Kind,
    Purpose,
    Status,
    Tier,
)

Word = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceEntry(_Strict):
    version: Word
    licence: Word
    url: Word
    observed_on: date

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> str:
        return str(value)


class Limit(_Strict):
    """From which score on a model is balanced, and smart."""

    balanced: float
    smart: float


class IncidentsEntry(_Strict):
    availability: float
    repair_p50_min: float
    repair_p90_min: float
    between_failures_mean_d: float
    grade: Literal["measured", "class"]
    source: Word
    as_of: date


class RegionEntry(_Strict):
    """Also how the names of an offering in short form change here; see `written_out`."""

    by: Literal["name", "host", "location", "body", "deployment"]
    regions: tuple[str, ...] | None = None
    """Left out: the region itself."""
    api_base: str = ""
    location: str = ""
    body: dict[str, str] = {}
    name: str = "{name}"
    """What the provider calls a model here."""
    rows: tuple[str, ...] = ()
    """Left out: the provider's."""
    uplift: str = ""
    """The row's field that multiplies its price here, where the row has it."""
    genai: tuple[str, ...] | None = None
    source: Word
    observed_on: date


class ProviderEntry(_Strict):
    id: Word
    title: Word
    cloud: str
    developer: str = ""
    headquarters: str
    dialect: Word
    litellm_prefix: Word
    portkey_slug: str
    openrouter_slug: str
    api_base: str
    secrets: tuple[str, ...]
    failure_domain: Word
    residency: str = "global"
    is_self_hosted: bool = False
    incidents: str | None = None
    rows: tuple[str, ...] = ("{prefix}{name}",)
    """Where LiteLLM's price map may have a model of it: the first row that there is counts."""
    genai: tuple[str, ...] = ()
    """Likewise in genai-prices, whatever the case of the letters."""
    source: Word


class LimitsEntry(_Strict):
    context: int
    max_input: int
    max_output: int
    source: Word
    observed_on: date


class OfferingEntry(_Strict):
    provider: Word
    region: str = "global"
    litellm: str = ""
    row: str | None = None
    also: tuple[str, ...] = ()
    portkey: tuple[str, str] | None = None
    openrouter: tuple[str, str] | None = None
    genai: str | None = None
    uplift: str | None = None
    note: str = ""


class SoldEntry(_Strict):
    """A model at one provider in short form: the provider's own name of it, and the regions."""

    name: Word
    regions: tuple[str, ...] = ("global",)
    litellm: str = ""
    portkey: str = ""
    note: str = ""


class ModelEntry(_Strict):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    developer: Word
    family: Word
    kind: Kind = "chat"
    purpose: Purpose = "general"
    status: Status
    released: date | None = None
    retires_on: date | None = None
    tier: Tier | None = None
    tier_why: str = ""
    limits: LimitsEntry | None = None
    capabilities: frozenset[str] | None = None
    embedding_dimensions: int | None = None
    openrouter: str = ""
    """Its slug there, for the offerings in short form."""
    sold: dict[str, SoldEntry] = {}
    """By provider, in short form."""
    offerings: tuple[OfferingEntry, ...] = ()
    """Written out."""

    @field_validator("sold", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {k: {"name": v} if isinstance(v, str) else v for k, v in value.items()}

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The provider and region of every offering, in the catalog's order."""
        short = ((p, region) for p, entry in self.sold.items() for region in entry.regions)
        return (*((o.provider, o.region) for o in self.offerings), *short)

    @model_validator(mode="after")
    def _is_whole(self) -> "ModelEntry":
        if (self.tier is None) != (not self.tier_why):
            raise ValueError("a tier kept by hand says why")
        if self.capabilities is not None and not self.capabilities <= CAPABILITIES:
            raise ValueError(f"unknown capability among {sorted(self.capabilities)}")
        if not self.offerings and not self.sold:
            raise ValueError("nobody sells it")
        if len(set(self.places)) < len(self.places):
            raise ValueError("a provider sells it twice in one region")
        return self


class Curated(_Strict):
    date: date
    sources: dict[str, SourceEntry]
    tiers: dict[str, Limit]
    incidents: dict[str, IncidentsEntry]
    regions: dict[str, RegionEntry]
    providers: tuple[ProviderEntry, ...]
    models: tuple[ModelEntry, ...]


class Speed(_Strict):
    ttft_p50_s: float | None = None
    tokens_per_s: float | None = None


class QualityEntry(_Strict):
    entry: Word
    scores: dict[str, float]
    latency: Speed


class Quality(_Strict):
    source: Word
    as_of: date
    models: dict[str, QualityEntry]


class FactSource(_Strict):
    url: Word
    observed_on: date
    grade: Literal["vendor", "third_party", "operator"]


class FactEntry(_Strict):
    applies_to: Word
    key: str
    value: FactValue
    source: tuple[str, ...]
    condition: str = ""
    grade: Literal["conflict"] | None = None

    @field_validator("source", mode="before")
    @classmethod
    def _as_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("key")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in FACT_KEYS:
            raise ValueError(f"no such fact: {value}")
        return value


class Facts(_Strict):
    sources: dict[str, FactSource]
    facts: tuple[FactEntry, ...]

    def as_json(self) -> list[dict[str, Any]]:
        """One row per fact, its sources looked up; the newest of several gives the day."""
        return [self._row(fact) for fact in self.facts]

    def _row(self, fact: FactEntry) -> dict[str, Any]:
        return {"applies_to": fact.applies_to, "fact": self._fact(fact)}

    def _fact(self, fact: FactEntry) -> dict[str, Any]:
        sources = [self.sources[key] for key in fact.source]
        observed_on = max(source.observed_on for source in sources)
        return {
            "key": fact.key,
            "value": fact.value,
            "condition": fact.condition,
            "source": " ; ".join(source.url for source in sources),
            "observed_on": observed_on.isoformat(),
            "expires_on": (observed_on + timedelta(days=FACT_LIFE_DAYS)).isoformat(),
            "grade": fact.grade or sources[0].grade,
        }


def read_curated(folder: Path) -> Curated:
    return Curated.model_validate(_yaml(folder / "curated.yaml"))


def read_quality(folder: Path) -> Quality:
    return Quality.model_validate(_yaml(folder / "quality.yaml"))


def read_facts(folder: Path) -> Facts:
    return Facts.model_validate(_yaml(folder / "facts.yaml"))


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)
