"""Ask one of the routes beside this file, through Portkey's hosted gateway.

    python client.py [--metadata task=code] ROUTE "a prompt"        the answer's text

PORTKEY_API_KEY opens the workspace, which must hold every provider integration (`@slug`) and saved
guardrail that the configurations name. Where `saved.json` stands beside this file (see main.tf), the
ids in it are sent instead of the files' content: callers keep to what they drew, and guardrails are
found, in saved configurations only. Not run against Portkey in this project's tests.
PORTKEY_URL names another gateway. Needs nothing but Python 3.9 or later.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIGS = {
    "triage-notes": "triage-notes/config.json"
}
HEADERS = {}
ALIAS = "alias"  # the metadata by which limits of one route are counted
URL = "https://api.portkey.ai"
MAX_HEADER_BYTES = 16384
OTHER_HEADERS_BYTES = 1024  # room for what the HTTP client adds


class ClientError(Exception):
    """The request cannot be sent; the message says why."""


def config(route):
    """The route's configuration. It holds no secret."""
    if route not in CONFIGS:
        raise ClientError(f"no route {route!r}; there are {', '.join(map(repr, CONFIGS))}")
    return json.loads((HERE / CONFIGS[route]).read_text(encoding="utf-8"))


def named(route):
    """The header's value: the id of the saved configuration, else the configuration itself."""
    written = config(route)
    saved = HERE / "saved.json"
    if saved.exists():
        return json.loads(saved.read_text(encoding="utf-8"))[route]
    return json.dumps(written, separators=(",", ":"))


def headers(route, env=os.environ, metadata=None, user=None):
    """What a request for the route carries.

    `metadata` decides conditional routes: `{"task": "code"}`. `user` is who the request is for.
    """
    metadata = dict(metadata or {})
    if user is not None:
        metadata.setdefault("_user", user)
    key = env.get("PORTKEY_API_KEY")
    if not key:
        raise ClientError("set the environment variable PORTKEY_API_KEY")
    # ASCII only: a header takes nothing else, and JSON can escape the rest.
    found = {
        "content-type": "application/json",
        "x-portkey-api-key": key,
        "x-portkey-config": named(route),
        "x-portkey-metadata": json.dumps({ALIAS: route, **metadata}, separators=(",", ":")),
        **HEADERS,
    }
    size = sum(len(name) + len(value) + 4 for name, value in found.items())
    if size > MAX_HEADER_BYTES - OTHER_HEADERS_BYTES:
        raise ClientError(
            f"the headers for {route!r} are {size} bytes long; more than {MAX_HEADER_BYTES} in all "
            "are refused. Save the configuration at Portkey and send its id"
        )
    return found


def chat(route, messages, env=os.environ, metadata=None, user=None, **params):
    """The answer to a chat completion, as a dict. Raises urllib.error.HTTPError for an error status.

    The route decides the model. There is no retry here: the gateway does that.
    """
    url = env.get("PORTKEY_URL", URL).rstrip("/")
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
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
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
