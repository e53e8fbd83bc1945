"""Ask one of the routes beside this file, through the open-source Portkey gateway.

    python client.py [--metadata task=code] ROUTE "a prompt"        the answer's text
    python client.py --header ROUTE    the header x-portkey-config, for another client; holds keys

The gateway expands no variables, so `${NAME}` in a credential is filled in here, from the environment.
PORTKEY_URL names the gateway (http://127.0.0.1:8787). Needs nothing but Python 3.9 or later.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIGS = {
    "nightly-summaries": "nightly-summaries/config.json",
    "nightly-labels": "nightly-labels/config.json"
}
SECRET_KEYS = ["api_key", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "vertex_service_account_json"]
MAX_HEADER_BYTES = 16384  # Node.js answers 431 when all headers are larger
OTHER_HEADERS_BYTES = 1024  # room for what the HTTP client adds


class ClientError(Exception):
    """The request cannot be sent; the message says why."""


def config(route, env=os.environ):
    """The route's configuration with its secrets. Do not print or store it."""
    if route not in CONFIGS:
        raise ClientError(f"no route {route!r}; there are {', '.join(map(repr, CONFIGS))}")
    text = (HERE / CONFIGS[route]).read_text(encoding="utf-8")
    return _filled(json.loads(text), env)


def headers(route, env=os.environ, metadata=None, user=None):
    """What a request for the route carries.

    `metadata` decides conditional routes: `{"task": "code"}`. `user` is who the request is for.
    """
    metadata = dict(metadata or {})
    if user is not None:
        metadata.setdefault("_user", user)
    # ASCII only: a header takes nothing else, and JSON can escape the rest.
    found = {
        "content-type": "application/json",
        "x-portkey-config": json.dumps(config(route, env), separators=(",", ":")),
    }
    if metadata:
        found["x-portkey-metadata"] = json.dumps(metadata, separators=(",", ":"))
    size = sum(len(name) + len(value) + 4 for name, value in found.items())
    if size > MAX_HEADER_BYTES - OTHER_HEADERS_BYTES:
        raise ClientError(
            f"the headers for {route!r} are {size} bytes long; the gateway takes "
            f"{MAX_HEADER_BYTES} in all and answers 431"
        )
    return found


def chat(route, messages, env=os.environ, metadata=None, user=None, **params):
    """The answer to a chat completion, as a dict. Raises urllib.error.HTTPError for an error status.

    The route decides the model. There is no retry here: the gateway does that.
    """
    url = env.get("PORTKEY_URL", "http://127.0.0.1:8787").rstrip("/")
    body = {"model": route, "messages": messages, **params}
    if user is not None:
        body["user"] = user
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers=headers(route, env, metadata, user),
        method="POST",
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def _filled(value, env):
    if isinstance(value, list):
        return [_filled(item, env) for item in value]
    if isinstance(value, dict):
        return {
            key: _secret(key, item, env) if key in SECRET_KEYS else _filled_below(key, item, env)
            for key, item in value.items()
        }
    return value


def _filled_below(key, value, env):
    # Parameters and conditions are the request's own words; nothing is filled in there.
    return _filled(value, env) if key == "targets" else value


def _secret(key, value, env):
    reference = re.fullmatch(r"\$\{(.*)\}", value, re.DOTALL)
    if reference is None:
        return value
    secret = env.get(reference[1])
    if not secret:
        raise ClientError(f"set the environment variable {reference[1]} ({key})")
    if not key.endswith("_json"):
        return secret
    try:
        if not secret.lstrip().startswith("{"):
            secret = Path(secret).read_text(encoding="utf-8")
        return json.loads(secret)
    except (OSError, ValueError) as problem:
        raise ClientError(
            f"{reference[1]} holds neither JSON nor the name of a file with it"
        ) from problem


def _told(arguments):
    """What `--metadata KEY=VALUE` says, and the other arguments."""
    metadata = {}
    while len(arguments) > 1 and arguments[0] == "--metadata":
        name, _, value = arguments[1].partition("=")
        metadata[name] = value
        arguments = arguments[2:]
    return metadata, arguments


def main(arguments):
    metadata, arguments = _told(arguments)
    try:
        if len(arguments) == 2 and arguments[0] == "--header":
            print(headers(arguments[1])["x-portkey-config"])
            return 0
        if len(arguments) != 2:
            print(__doc__, file=sys.stderr)
            return 2
        messages = [{"role": "user", "content": arguments[1]}]
        answer = chat(arguments[0], messages, metadata=metadata)
        print(answer["choices"][0]["message"]["content"])
        return 0
    except ClientError as problem:
        print(problem, file=sys.stderr)
        return 2
    except urllib.error.HTTPError as problem:
        print(f"status {problem.code}: {problem.read().decode(errors='replace')}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"cannot reach the gateway: {problem}", file=sys.stderr)
        return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
