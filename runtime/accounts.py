"""A deployment's account: its address, and what opens it, by reference.

Everything that can be wrong with it without asking the network is told before anything is served.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import orjson

from designer.errors import UsageError
from designer.ir import Deployment
from runtime.upstream import Target, vertex
from runtime.upstream.base import Authorize

Env = Mapping[str, str]

_FIRST_KEY: Final = "ACCESS_KEY_ID"
_AWS_ID: Final = "aws_access_key_id"
_AWS_SECRET: Final = "aws_secret_access_key"
_AWS_SESSION: Final = "aws_session_token"
_AWS_PROFILE: Final = "aws_profile_name"
_AWS_ENDPOINT: Final = "aws_bedrock_runtime_endpoint"
_PROJECT: Final = "vertex_project"
_NOT_PERFORMED: Final = frozenset(
    {"aws_role_name", "aws_web_identity_token", "aws_sts_endpoint", "aws_external_id"}
)
"""Settings by which LiteLLM assumes another role."""
_KEY_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"


def target(deployment: Deployment, wire: str, usual_base: str, env: Env) -> Target:
    """`usual_base` is where the provider is usually reached, empty where that depends.

    Nothing that it refers to may be missing. Raises UsageError that says what the account lacks.
    """
    return _ACCOUNT_OF.get(wire, _plain)(deployment, usual_base, env)


def missing_secrets(deployment: Deployment, env: Env) -> set[str]:
    """What is referred to and not set; the first key of AWS's refers to the second."""
    given = [deployment.secret or "", *(value for _, value in deployment.settings)]
    names = {value[4:] for value in given if value.startswith("env:")}
    names |= {_partner(name) for name in names if name.endswith(_FIRST_KEY)}
    return {name for name in names if name not in env}


def _value(reference: str | None, env: Env) -> str:
    """What a setting says, or what it refers to."""
    if reference is None:
        return ""
    return env[reference[4:]] if reference.startswith("env:") else reference


def _plain(deployment: Deployment, usual_base: str, env: Env) -> Target:
    base = deployment.api_base or usual_base
    if not base:
        raise UsageError(
            f"{deployment.id} has no api_base and {deployment.provider} has no usual one"
        )
    return Target(
        api_base=base,
        model=deployment.model,
        secret=_value(deployment.secret, env),
        settings=dict(deployment.settings),
    )


def _need(package: str, extra: str, deployment: Deployment) -> None:
    if find_spec(package.partition(".")[0]) is None or find_spec(package) is None:
        raise UsageError(
            f"{deployment.id} needs {package}: pip install 'llm-gateway-designer[{extra}]'"
        )


# --- AWS -----------------------------------------------------------------------------------------


def _bedrock(deployment: Deployment, usual_base: str, env: Env) -> Target:
    settings = dict(deployment.settings)
    if refused := sorted(_NOT_PERFORMED & settings.keys()):
        raise UsageError(
            f"{deployment.id}: the runtime assumes no role ({', '.join(refused)}); give it keys, a "
            f"profile ({_AWS_PROFILE}) or a Bedrock API key"
        )
    base = deployment.api_base or settings.get(_AWS_ENDPOINT) or usual_base
    region = deployment.region
    if not region:
        raise UsageError(f"{deployment.id} names no region: where it is processed is not guessed")
    secret, authorize = _aws_credentials(deployment, region, settings, env)
    return Target(
        api_base=base or f"https://bedrock-runtime.{region}.amazonaws.com",
        model=deployment.model,
        secret=secret,
        region=region,
        authorize=authorize,
    )


def _aws_credentials(
    deployment: Deployment, region: str, settings: Mapping[str, str], env: Env
) -> tuple[str, Authorize | None]:
    """A bearer key, or what signs; a first key whose second one is set beside it is half a pair."""
    name = (deployment.secret or "")[4:]
    partner = _partner(name)
    if name and partner not in env:
        return env[name], None
    _need("botocore", "bedrock", deployment)
    from runtime.upstream import aws

    session = _value(settings.get(_AWS_SESSION), env) or env.get(_session(name)) or None
    if name:
        return "", aws.Signature(region, aws.key_pair(env[name], env[partner], session))
    if {_AWS_ID, _AWS_SECRET} <= settings.keys():
        pair = _value(settings[_AWS_ID], env), _value(settings[_AWS_SECRET], env)
        return "", aws.Signature(region, aws.key_pair(*pair, session))
    return "", aws.Signature(region, aws.Chain(settings.get(_AWS_PROFILE)))


def _session(name: str) -> str:
    """The name of what temporary keys have beside them."""
    return f"{name.removesuffix(_FIRST_KEY)}SESSION_TOKEN" if name.endswith(_FIRST_KEY) else ""


def _partner(name: str) -> str:
    """The second key's name, as the gateways' files spell it beside the first one's."""
    if name.endswith(_FIRST_KEY):
        return f"{name.removesuffix(_FIRST_KEY)}SECRET_ACCESS_KEY"
    return f"{name}_SECRET"


# --- Google Cloud --------------------------------------------------------------------------------


def _vertex(deployment: Deployment, usual_base: str, env: Env) -> Target:
    settings = dict(deployment.settings)
    location = deployment.region
    if not location:
        raise UsageError(f"{deployment.id} names no location: where it is processed is not guessed")
    secret, authorize, project = _google_credentials(deployment, env)
    project = settings.get(_PROJECT) or project
    if not project:
        raise UsageError(
            f"{deployment.id} names no project: set {_PROJECT}, or give a service account's key"
        )
    return Target(
        api_base=deployment.api_base or usual_base or vertex.api_base(location),
        model=deployment.model,
        secret=secret,
        region=location,
        settings={**settings, _PROJECT: project},
        authorize=authorize,
    )


def _google_credentials(deployment: Deployment, env: Env) -> tuple[str, Authorize | None, str]:
    """An access token or what fetches one, and the project that the credentials name."""
    name = (deployment.secret or "")[4:]
    given = env[name].strip() if name else ""
    if given and name != _KEY_FILE and not given.startswith(("{", "/")):
        return given, None, ""
    _need("google.auth", "vertex", deployment)
    from runtime.upstream import google

    if not given:
        return "", google.Token(google.of_machine), ""
    info = _key(name, given)
    try:
        find = google.of_account(info)
    except KeyError as error:
        raise UsageError(
            f"{name} holds credentials of the type {error}; the runtime knows service_account and "
            "authorized_user, and takes an access token"
        ) from error
    except ValueError as error:
        raise UsageError(f"{name} holds no whole key: {type(error).__name__}") from error
    return "", google.Token(find), str(info.get("project_id") or "")


def _key(name: str, given: str) -> Mapping[str, Any]:
    """The key itself, or the file that it is in."""
    try:
        text = given if given.startswith("{") else Path(given).read_text("utf-8")
        info = orjson.loads(text)
    except OSError as error:
        raise UsageError(f"the file that {name} names cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{name} holds no key in JSON") from error
    if not isinstance(info, dict) or "type" not in info:
        raise UsageError(f"{name} holds no key of Google Cloud")
    return info


_ACCOUNT_OF: Final[Mapping[str, Callable[[Deployment, str, Env], Target]]] = {
    "bedrock": _bedrock,
    "vertex": _vertex,
}
"""By wire; for the others a secret and an address are all."""
