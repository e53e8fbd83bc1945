"""What stands beside a LiteLLM configuration: the variables it reads, teams' script, how it is run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from designer.documents import Path, dotted
from designer.gateways.base import File, Terms
from designer.gateways.litellm.lacks import aws_partner, uses_aws_pair
from designer.gateways.litellm.lower import tells
from designer.gateways.litellm.tables import (
    DATABASE_IMAGE,
    IMAGE,
    POSTGRES_IMAGE,
    REDIS_IMAGE,
    REDIS_STACK_IMAGE,
)
from designer.ir import Deployment, Routing

MASTER_KEY = "LITELLM_MASTER_KEY"
REFERENCE = "os.environ/"


def artefacts(
    routing: Routing, terms: Mapping[str, Terms], name: str, files: Sequence[File]
) -> tuple[File, ...]:
    del terms
    return tuple(_files(routing, _project(name), files))


def _files(routing: Routing, project: str, files: Sequence[File]) -> Iterator[File]:
    variables = [{"name": n, "why": why} for n, why in secrets(routing, files).items()]
    yield File("litellm/.env.example", "env.example.j2", {"variables": variables})
    if routing.teams:
        yield File("litellm/apply_teams.py", "apply_teams.py.j2", {})
    match routing.rollout.deploy:
        case "compose":
            yield File("litellm/compose.yaml", "compose.yaml.j2", _compose(routing, project))
        case "kubernetes":
            path = "litellm/kubernetes/values.yaml"
            yield File(path, "values.yaml.j2", _values(routing, project))
        case "config":
            pass


# --- Variables ------------------------------------------------------------------------------------


def secrets(routing: Routing, files: Sequence[File]) -> dict[str, str]:
    """Variables of the proxy → what for; the deployments that read one, in their order."""
    users: dict[str, list[str]] = {}
    for deployment in routing.deployments:
        for variable in _read_by(deployment):
            users.setdefault(variable, []).append(deployment.id)
    why = {
        MASTER_KEY: "admits callers; at least 32 random characters after sk-, the proxy refuses famous ones"
    }
    why |= {variable: f"read by {', '.join(ids)}" for variable, ids in users.items()}
    why |= dict(_of_services(routing))
    given = _environment(routing) if routing.rollout.deploy == "compose" else {}
    for file in files:
        for variable, where in _named(file.values, ()):
            if variable not in given:
                why.setdefault(variable, f"read by {where}")
    return why


def _of_services(routing: Routing) -> Iterator[tuple[str, str]]:
    composed = routing.rollout.deploy == "compose"
    if routing.teams:
        yield "LITELLM_SALT_KEY", "encrypts what the database keeps; never change it afterwards"
        if composed:
            yield "POSTGRES_PASSWORD", "of the database that compose.yaml starts"
        elif routing.rollout.deploy == "config":
            yield (
                "DATABASE_URL",
                "postgresql://USER:PASSWORD@HOST:5432/NAME; teams and keys live there",
            )
    if needs_redis(routing):
        if not composed:
            yield "REDIS_HOST", _why_redis(routing)
            yield "REDIS_PORT", "of that Redis"
        yield "REDIS_PASSWORD", "of that Redis" if not composed else _why_redis(routing)
    if tells(routing):
        yield "SLACK_WEBHOOK_URL", "told when a team's soft budget is spent"
    if routing.telemetry is not None and "otel" in routing.telemetry.exporters:
        yield "OTEL_EXPORTER", "otlp_http or otlp_grpc"
        yield "OTEL_ENDPOINT", "of the collector"


def _why_redis(routing: Routing) -> str:
    if _is_semantic(routing):
        return "Redis with the search module (Redis Stack): the cache of similar requests"
    return "the Redis that the copies of the proxy share"


def needs_redis(routing: Routing) -> bool:
    return routing.rollout.replicas > 1 or _is_semantic(routing)


def _is_semantic(routing: Routing) -> bool:
    return any(cache.mode == "semantic" for cache in routing.caches)


def _named(value: Any, path: Path) -> Iterator[tuple[str, str]]:
    """Variables that a file's values name, and where."""
    match value:
        case Mapping():
            for key, item in value.items():
                yield from _named(item, (*path, key))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _named(item, (*path, index))
        case str() if value.startswith(REFERENCE) and value.removeprefix(REFERENCE).isidentifier():
            yield value.removeprefix(REFERENCE), dotted(path)


def _read_by(deployment: Deployment) -> list[str]:
    values = [deployment.secret or "", *(value for _, value in deployment.settings)]
    names = [v.removeprefix("env:") for v in values if v.startswith("env:")]
    if uses_aws_pair(deployment) and deployment.secret is not None:
        names.insert(1, aws_partner(deployment.secret).removeprefix("env:"))
    return list(dict.fromkeys(name for name in names if name.isidentifier()))


# --- Compose --------------------------------------------------------------------------------------


def _compose(routing: Routing, project: str) -> dict[str, Any]:
    services = {"litellm": _litellm(routing)}
    volumes: dict[str, Any] = {}
    if routing.teams:
        services["postgres"] = _postgres()
        volumes["postgres"] = {}
    if needs_redis(routing):
        services["redis"] = _redis(routing)
    return {"name": project, "services": services} | ({"volumes": volumes} if volumes else {})


def _environment(routing: Routing) -> dict[str, str]:
    """What compose itself tells the proxy."""
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    if routing.teams:
        password = "${POSTGRES_PASSWORD:?set it in .env}"
        environment["DATABASE_URL"] = f"postgresql://litellm:{password}@postgres:5432/litellm"
    if needs_redis(routing):
        environment |= {"REDIS_HOST": "redis", "REDIS_PORT": "6379"}
    return environment


def _services(routing: Routing) -> tuple[tuple[str, bool], ...]:
    return ("postgres", bool(routing.teams)), ("redis", needs_redis(routing))


def _litellm(routing: Routing) -> dict[str, Any]:
    replicas = routing.rollout.replicas
    needed = [name for name, is_needed in _services(routing) if is_needed]
    ports = "4000" if replicas == 1 else f"4000-{3999 + replicas}"
    service: dict[str, Any] = {
        "image": DATABASE_IMAGE if routing.teams else IMAGE,
        "command": ["--config", "/app/config.yaml", "--port", "4000"],
        "env_file": [".env"],
        "environment": _environment(routing),
        "volumes": ["./config.yaml:/app/config.yaml:ro"],
        "ports": [f"127.0.0.1:{ports}:4000"],
        "restart": "unless-stopped",
        "healthcheck": _check(["CMD", "python3", "-c", _PROBE], start_period="60s"),
    }
    if replicas > 1:
        service["deploy"] = {"replicas": replicas}
    if needed:
        service["depends_on"] = {name: {"condition": "service_healthy"} for name in needed}
    return service


def _postgres() -> dict[str, Any]:
    return {
        "image": POSTGRES_IMAGE,
        "environment": {
            "POSTGRES_USER": "litellm",
            "POSTGRES_DB": "litellm",
            "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?set it in .env}",
        },
        "volumes": ["postgres:/var/lib/postgresql/data"],
        "restart": "unless-stopped",
        "healthcheck": _check(["CMD", "pg_isready", "-U", "litellm"]),
    }


def _redis(routing: Routing) -> dict[str, Any]:
    password = "${REDIS_PASSWORD:?set it in .env}"
    environment = {"REDIS_PASSWORD": password}
    run: dict[str, Any] = {
        "image": REDIS_IMAGE,
        "command": ["redis-server", "--requirepass", password],
    }
    if _is_semantic(routing):
        environment["REDIS_ARGS"] = f"--requirepass {password}"
        run = {"image": REDIS_STACK_IMAGE}
    ping = ["CMD-SHELL", 'redis-cli -a "$$REDIS_PASSWORD" ping | grep PONG']
    more = {"environment": environment, "restart": "unless-stopped", "healthcheck": _check(ping)}
    return run | more


def _check(test: list[str], **more: str) -> dict[str, Any]:
    return {"test": test, "interval": "15s", "timeout": "5s", "retries": 3, **more}


# --- Kubernetes -----------------------------------------------------------------------------------


def _values(routing: Routing, project: str) -> dict[str, Any]:
    """Of the chart litellm-helm. Databases and Redis are the cluster's own, never the chart's."""
    secret = f"{project}-env"
    repository, _, tag = (DATABASE_IMAGE if routing.teams else IMAGE).rpartition(":")
    values: dict[str, Any] = {
        "replicaCount": routing.rollout.replicas,
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "masterkeySecretName": secret,
        "masterkeySecretKey": MASTER_KEY,
        "environmentSecrets": [secret],
        "envVars": {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        "proxyConfigMap": {"create": False, "name": f"{project}-config", "key": "config.yaml"},
        "livenessProbe": {"path": "/health/liveliness"},
        "readinessProbe": {"path": "/health/readiness"},
        "startupProbe": {"path": "/health/readiness"},
        "db": {"deployStandalone": False, "useExisting": bool(routing.teams)},
        "migrationJob": {"enabled": bool(routing.teams)},
        "redis": {"enabled": False},
    }
    if routing.teams:
        values["db"]["secret"] = {
            "name": f"{project}-postgres",
            "usernameKey": "username",
            "passwordKey": "password",
            "endpointKey": "endpoint",
        }
    if routing.rollout.replicas > 1:
        values["pdb"] = {"enabled": True, "maxUnavailable": 1}
    if routing.telemetry is not None and "prometheus" in routing.telemetry.exporters:
        values["serviceMonitor"] = {"enabled": True}
    return values


_PROBE = (
    "import urllib.request as r; r.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=4)"
)


def _project(name: str) -> str:
    """Compose allows lower-case letters, digits, dashes and underscores."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    return kept or "litellm"
