"""What stands beside a LiteLLM configuration: the variables it reads, and a compose file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from designer.documents import Path, dotted
from designer.gateways.base import File, Terms
from designer.gateways.litellm.lacks import aws_partner, uses_aws_pair
from designer.gateways.litellm.tables import IMAGE
from designer.ir import Deployment, Routing

MASTER_KEY = "LITELLM_MASTER_KEY"
REFERENCE = "os.environ/"


def artefacts(
    routing: Routing, terms: Mapping[str, Terms], name: str, files: Sequence[File]
) -> tuple[File, ...]:
    del terms
    variables = _variables(routing)
    for file in files:
        for variable, where in _named(file.values, ()):
            variables.setdefault(variable, f"read by {where}")
    return (
        File(
            "litellm/.env.example",
            "env.example.j2",
            {"variables": [{"name": n, "why": why} for n, why in variables.items()]},
        ),
        File("litellm/compose.yaml", "compose.yaml.j2", _compose(name)),
    )


def _variables(routing: Routing) -> dict[str, str]:
    """Name → what it is for; the deployments that read it, in their order."""
    users: dict[str, list[str]] = {}
    for deployment in routing.deployments:
        for variable in _read_by(deployment):
            users.setdefault(variable, []).append(deployment.id)
    why = {
        MASTER_KEY: "admits callers; at least 32 random characters after sk-, the proxy refuses famous ones"
    }
    return why | {variable: f"read by {', '.join(ids)}" for variable, ids in users.items()}


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


def _compose(name: str) -> dict[str, Any]:
    return {
        "name": _project(name),
        "services": {
            "litellm": {
                "image": IMAGE,
                "command": ["--config", "/app/config.yaml", "--port", "4000"],
                "env_file": [".env"],
                "environment": {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
                "volumes": ["./config.yaml:/app/config.yaml:ro"],
                "ports": ["127.0.0.1:4000:4000"],
                "restart": "unless-stopped",
                "healthcheck": {
                    "test": ["CMD", "python3", "-c", _PROBE],
                    "interval": "15s",
                    "timeout": "5s",
                    "retries": 3,
                    "start_period": "60s",
                },
            }
        },
    }


_PROBE = (
    "import urllib.request as r; r.urlopen('http://127.0.0.1:4000/health/liveliness', timeout=4)"
)


def _project(name: str) -> str:
    """Compose allows lower-case letters, digits, dashes and underscores."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    return kept or "litellm"
