"""Find and understand a gateway configuration: an emitted folder, a file, or standard input.

What is understood is always the text that the gateway would read. A `plan.json` beside it is asked
for facts about its deployments (prices, regions), never for routing.
"""

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer.catalog import Offering, load_catalog
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import read_json, read_yaml
from designer.errors import UsageError
from designer.gateways.base import Gateway, Parsed, Terms
from designer.gateways.reference import REFERENCE
from designer.gateways.registry import GATEWAYS
from designer.ir import Deployment

NOT_A_CONFIG = Rule(
    "PAR504",
    Severity.ERROR,
    "{where} is no configuration of LiteLLM, Portkey or OpenRouter that designer recognises",
    "A LiteLLM file has a `model_list`, a Portkey one `strategy`, `targets` or a `provider`, an "
    "OpenRouter body a `model` with `provider` preferences.",
    help="name the gateway with --gateway if the file is an unusual one",
)

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_MOST_FILES = 2000
_MOST_BYTES = 50_000_000


class Config(Struct, frozen=True):
    gateway: Gateway
    parsed: Parsed
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By deployment id, from the plan.json beside the configuration; empty without one."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    """The profile that the plan was made from, as plan.json keeps it."""

    def with_semantics(self, name: str) -> "Config":
        """`reference` makes it behave as a careful engineer would want, `own` as its gateway does."""
        if name == "own":
            return self
        return replace(self, parsed=replace(self.parsed, semantics=REFERENCE))

    @property
    def terms(self) -> Mapping[str, Terms]:
        """Prices by deployment: what plan.json says, then the file itself, then the catalog."""
        return {d.id: self._terms(d) for d in self.parsed.routing.deployments}

    def _terms(self, deployment: Deployment) -> Terms:
        said = self.parsed.terms.get(deployment.id, Terms())
        fact = self.facts.get(deployment.id)
        if fact is not None:
            input_usd, output_usd = fact["input_usd_per_mtok"], fact["output_usd_per_mtok"]
        elif said.input_usd_per_mtok is not None:
            return said
        else:
            offering = self.offering(deployment)
            if offering is None:
                return said
            input_usd, output_usd = offering.price.input, offering.price.output
        return replace(
            said, input_usd_per_mtok=Decimal(input_usd), output_usd_per_mtok=Decimal(output_usd)
        )

    def offering(self, deployment: Deployment) -> Offering | None:
        """What the catalog knows the deployment as; None where it does not."""
        catalog = load_catalog()
        fact = self.facts.get(deployment.id)
        if fact is not None:
            return catalog.offering(str(fact.get("offering")))
        if deployment.provider == "openrouter":
            endpoint = dict(deployment.settings).get("endpoint")
            return catalog.by_gateway_name("openrouter", deployment.model, provider=endpoint)
        provider = catalog.providers.get(deployment.provider)
        if provider is None:
            return None
        name = f"{provider.litellm_prefix}{deployment.model}"
        base, region = deployment.api_base, deployment.region
        return catalog.by_gateway_name("litellm", name, base, region)


def load_config(path: str, report: Report, gateway: str | None = None) -> Config | None:
    """None, with findings, when there is nothing that can be understood.

    Raises UsageError when the path cannot be read.
    """
    texts = _texts(path)
    plan = _plan_json(Path(path)) if path != "-" else {}
    token = gateway or str(plan.get("gateway", ""))
    chosen = _of_plan(plan, texts) or _of_content(texts, gateway)
    if chosen is None:
        _tell_unreadable(texts, report)
        if not report.has_errors:
            report.add(NOT_A_CONFIG, Place(path), where=path)
        return None
    found, own = chosen
    name, _, version = token.partition("@")
    version = version if name == found.name else ""
    if version != found.version:
        found.tell_unmeasured(version, report, Place(path))
    parsed = found.parse(own, report, version)
    if parsed is None:
        return None
    return Config(found, parsed, plan.get("deployments", {}), plan.get("profile", {}))


def _texts(path: str) -> dict[str, str]:
    """Text by path, relative to the folder where `path` is one."""
    if path == "-":
        return {"-": sys.stdin.read()}
    root = Path(path)
    try:
        if not root.is_dir():
            return {path: _read(root)}
        files = sorted(p for p in root.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
        if len(files) > _MOST_FILES:
            raise UsageError(f"{path} holds more than {_MOST_FILES} YAML and JSON files")
        return {p.relative_to(root).as_posix(): _read(p) for p in files}
    except FileNotFoundError as error:
        raise UsageError(f"there is no {error.filename}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _read(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{path} is larger than {_MOST_BYTES:,} bytes")
    return path.read_text(encoding="utf-8-sig")


def _plan_json(path: Path) -> dict[str, Any]:
    folder = path if path.is_dir() else path.parent
    for candidate in (folder / "plan.json", folder.parent / "plan.json"):
        try:
            content = json.loads(candidate.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read {candidate}: {error}") from error
        return content if isinstance(content, dict) and "routing" in content else {}
    return {}


def _of_plan(
    plan: Mapping[str, Any], texts: Mapping[str, str]
) -> tuple[Gateway, dict[str, str]] | None:
    """The files of an emitted folder that its own gateway reads."""
    gateway = GATEWAYS.get(str(plan.get("gateway", "")).partition("@")[0])
    if gateway is None:
        return None
    own = {p: t for p, t in texts.items() if gateway.recognises(p, _content(p, t))}
    return (gateway, own) if own else None


def _of_content(
    texts: Mapping[str, str], token: str | None
) -> tuple[Gateway, dict[str, str]] | None:
    """The gateway that recognises most of the files, and those files."""
    name = token.partition("@")[0] if token else None
    if name is not None and name not in GATEWAYS:
        raise UsageError(f"unknown gateway {name!r}; there are {', '.join(GATEWAYS)}")
    contents = {path: _content(path, text) for path, text in texts.items()}
    best: tuple[Gateway, dict[str, str]] | None = None
    for gateway in GATEWAYS.values() if name is None else [GATEWAYS[name]]:
        own = {p: texts[p] for p, value in contents.items() if gateway.recognises(p, value)}
        if own and (best is None or len(own) > len(best[1])):
            best = gateway, own
    if best is None and name is not None and len(texts) == 1:
        return GATEWAYS[name], dict(texts)
    return best


def _content(path: str, text: str) -> Any:
    silent = Report()
    document = read_json(text, path, silent) if path.endswith(".json") else None
    if document is None:
        document = read_yaml(text, path, Report())
    return None if document is None else document.value


def _tell_unreadable(texts: Mapping[str, str], report: Report) -> None:
    """When nothing was recognised, a syntax error is the likely cause."""
    for path, text in texts.items():
        (read_json if path.endswith(".json") else read_yaml)(text, path, report)
