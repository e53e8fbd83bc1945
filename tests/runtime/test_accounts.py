"""What opens an account: keys that sign, tokens that are fetched; and what is told before anything is
served."""

import asyncio
import hashlib
import hmac
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import structs

from designer.errors import UsageError
from designer.ir import Deployment
from runtime.accounts import missing_secrets, target
from runtime.upstream import (
    DIALECTS,
    Request,
    Response,
    UpstreamError,
    UpstreamFailure,
    translate,
)
from runtime.upstream.authorized import Authorized
from runtime.upstream.base import Upstream
from runtime.upstream.http import HttpUpstream

BODY = {"messages": [{"role": "user", "content": "hi"}]}
PAIR = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}


def _bedrock(**more: Any) -> Deployment:
    given: dict[str, Any] = {"region": "eu-central-1", "secret": "env:AWS_ACCESS_KEY_ID", **more}
    return Deployment("d", "bedrock", "eu.anthropic.claude-opus-5:0", **given)


def _vertex(**more: Any) -> Deployment:
    settings = (("vertex_project", "shop"),)
    given: dict[str, Any] = {"region": "europe-west4", "settings": settings, **more}
    return Deployment("d", "vertex", "gemini-4-argon", **given)


class _Kept:
    """An upstream that keeps what it is given, and has no answer."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, send: Request) -> Response:
        self.requests.append(send)
        raise UpstreamError(UpstreamFailure("connect"))


def _authorized(send: Request) -> Request:
    kept = _Kept()

    async def main() -> None:
        with pytest.raises(UpstreamError):
            await Authorized(kept)(send)

    asyncio.run(main())
    return kept.requests[0]


# --- AWS -----------------------------------------------------------------------------------------


Arrived = tuple[str, dict[str, str], bytes]
"""Path, headers and body, as they arrived."""


@contextmanager
def _listening(answer: Callable[[Arrived], tuple[int, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802  http.server's name
            headers = {name.lower(): value for name, value in self.headers.items()}
            arrived = self.path, headers, self.rfile.read(int(headers["content-length"]))
            status, payload = answer(arrived)
            body = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Nothing on the terminal."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def _signature(path: str, headers: dict[str, str], body: bytes, secret: str) -> str:
    """What AWS computes of a request that arrived: its documentation, written out once more
    (docs.aws.amazon.com/IAM, "Create a signed AWS API request")."""
    said = headers["authorization"]
    scope = said.split("Credential=")[1].split(",")[0].partition("/")[2]
    names = said.split("SignedHeaders=")[1].split(",")[0]
    canonical = "\n".join(
        [
            "POST",
            quote(path, safe="/~"),
            "",
            *(f"{name}:{headers[name].strip()}" for name in names.split(";")),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "model",
    ["eu.anthropic.claude-opus-5:0", "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x:0"],
)  # fmt: skip
@pytest.mark.parametrize("token", [None, "session+token/=="])
def test_what_arrives_has_the_signature_that_aws_computes_of_it(
    model: str, token: str | None
) -> None:
    """Of what arrives: a transport that spells the address otherwise would break it."""
    env = PAIR if token is None else {**PAIR, "AWS_SESSION_TOKEN": token}

    async def ask(base: str) -> None:
        upstream = HttpUpstream()
        deployment = structs.replace(_bedrock(api_base=base), model=model)
        send = translate(DIALECTS["bedrock"].request, target(deployment, "bedrock", "", env), BODY)
        await (await Authorized(upstream)(send.request)).read()
        await upstream.close()

    seen: list[Arrived] = []

    def keep(arrived: Arrived) -> tuple[int, Any]:
        seen.append(arrived)
        return 200, {}

    with _listening(keep) as base:
        asyncio.run(ask(base))

    [(path, headers, body)] = seen
    assert headers["authorization"].endswith(_signature(path, headers, body, "wJalrXUtnFEMI"))
    assert "/eu-central-1/bedrock/aws4_request" in headers["authorization"]
    assert headers.get("x-amz-security-token") == token
    assert "host" in headers["authorization"]


def test_a_key_of_bedrocks_own_is_borne_and_not_signed_with() -> None:
    reached = target(_bedrock(secret="env:BEDROCK_KEY"), "bedrock", "", {"BEDROCK_KEY": "abc"})

    assert (reached.secret, reached.authorize) == ("abc", None)
    assert reached.api_base == "https://bedrock-runtime.eu-central-1.amazonaws.com"


def test_a_first_key_with_a_second_one_beside_it_signs() -> None:
    env = {"CLINIC": "AKIDEXAMPLE", "CLINIC_SECRET": "x"}

    reached = target(_bedrock(secret="env:CLINIC"), "bedrock", "", env)

    assert reached.secret == ""
    assert reached.authorize is not None


def test_keys_that_a_profile_holds_are_found_at_the_first_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "credentials"
    keys.write_text("[shop]\naws_access_key_id=AKIDPROFILE\naws_secret_access_key=x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    profile = (("aws_profile_name", "shop"),)
    reached = target(_bedrock(secret=None, settings=profile), "bedrock", "", {})
    lost = target(
        _bedrock(secret=None, settings=(("aws_profile_name", "gone"),)), "bedrock", "", {}
    )
    send = translate(DIALECTS["bedrock"].request, reached, BODY).request

    signed = _authorized(send)

    headers = {name.lower(): value for name, value in signed.headers.items()}
    assert "Credential=AKIDPROFILE/" in headers["authorization"]
    with pytest.raises(UpstreamError, match="401.*gone"):
        asyncio.run(_ask_nobody(translate(DIALECTS["bedrock"].request, lost, BODY).request))


async def _ask_nobody(send: Request) -> None:
    await Authorized(_Kept())(send)


# --- Google Cloud --------------------------------------------------------------------------------


class _Tokens:
    """Google's token server: counts what it gives, and refuses when told to."""

    def __init__(self) -> None:
        self.given = 0
        self.refuses = False
        self.lives_s = 3600
        self.waits_s = 0.0

    def answer(self, arrived: Arrived) -> tuple[int, dict[str, Any]]:
        form = parse_qs(arrived[2].decode())
        time.sleep(self.waits_s)
        if self.refuses:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        self.given += 1
        token = f"token-{self.given}"
        return 200, {"access_token": token, "expires_in": self.lives_s, "token_type": "Bearer"}


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _account(private_key: str, token_uri: str) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project-of-the-key",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": "gateway@shop.example",
            "token_uri": token_uri,
        }
    )


@pytest.mark.parametrize("as_file", [True, False])
def test_a_service_accounts_token_is_fetched_once_at_the_first_request(
    private_key: str, tmp_path: Path, as_file: bool
) -> None:
    kept = _Kept()

    async def ask_twice(send: Request) -> None:
        async def ask() -> None:
            with pytest.raises(UpstreamError):
                await Authorized(kept)(send)

        await asyncio.gather(ask(), ask())

    tokens = _Tokens()
    with _listening(tokens.answer) as url:
        key = _account(private_key, url)
        if as_file:
            (tmp_path / "key.json").write_text(key)
            key = str(tmp_path / "key.json")
        name = "GOOGLE_APPLICATION_CREDENTIALS" if as_file else "VERTEX_KEY"
        deployment = _vertex(secret=f"env:{name}", settings=())
        reached = target(deployment, "vertex", "", {name: key})
        assert tokens.given == 0
        send = translate(DIALECTS["vertex"].request, reached, BODY).request
        asyncio.run(ask_twice(send))

        assert tokens.given == 1
    assert [r.headers["authorization"] for r in kept.requests] == ["Bearer token-1"] * 2
    assert "/projects/project-of-the-key/locations/europe-west4/" in send.url
    assert reached.api_base == "https://europe-west4-aiplatform.googleapis.com"


def test_a_token_is_renewed_before_it_expires(private_key: str) -> None:
    kept = _Kept()

    async def ask(send: Request) -> None:
        for _ in range(2):
            with pytest.raises(UpstreamError):
                await Authorized(kept)(send)

    tokens = _Tokens()
    with _listening(tokens.answer) as url:
        tokens.lives_s = 60  # less than google-auth wants to have left
        reached = target(
            _vertex(secret="env:KEY"), "vertex", "", {"KEY": _account(private_key, url)}
        )
        asyncio.run(ask(translate(DIALECTS["vertex"].request, reached, BODY).request))

    assert [r.headers["authorization"] for r in kept.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_the_event_loop_goes_on_while_a_token_is_fetched(private_key: str) -> None:
    async def ask(send: Request) -> int:
        asking = asyncio.create_task(_ask_nobody(send))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert asking.exception() is not None
        return turns

    tokens = _Tokens()
    with _listening(tokens.answer) as url:
        tokens.waits_s = 0.2
        reached = target(
            _vertex(secret="env:KEY"), "vertex", "", {"KEY": _account(private_key, url)}
        )
        turns = asyncio.run(ask(translate(DIALECTS["vertex"].request, reached, BODY).request))

    assert turns >= 5


@pytest.mark.parametrize(
    ("refuses", "waits_s", "token"),
    [(True, 0.0, "401"), (False, 0.5, "timeout"), (None, 0.0, "connect")],
)
def test_no_token_is_a_failure_with_a_name(
    private_key: str, refuses: bool | None, waits_s: float, token: str
) -> None:
    tokens = _Tokens()
    with _listening(tokens.answer) as url:
        tokens.refuses, tokens.waits_s = bool(refuses), waits_s
        if refuses is None:
            url = "http://127.0.0.1:9/token"  # where nobody listens
        reached = target(
            _vertex(secret="env:KEY"), "vertex", "", {"KEY": _account(private_key, url)}
        )
        send = translate(DIALECTS["vertex"].request, reached, BODY).request
        with pytest.raises(UpstreamError) as caught:
            asyncio.run(_ask_nobody(replace(send, timeout_s=0.2 if waits_s else 5.0)))

    assert caught.value.failure.token == token
    assert private_key[40:80] not in str(caught.value)


def test_an_access_token_is_borne_as_it_is() -> None:
    reached = target(_vertex(secret="env:TOKEN"), "vertex", "", {"TOKEN": "ya29.abc\n"})

    assert (reached.secret, reached.authorize) == ("ya29.abc", None)


# --- what is told at once ------------------------------------------------------------------------


def test_the_second_key_of_aws_is_missed_as_well() -> None:
    assert missing_secrets(_bedrock(), {"AWS_ACCESS_KEY_ID": "a"}) == {"AWS_SECRET_ACCESS_KEY"}
    referring = (("aws_session_token", "env:SESSION"),)
    assert missing_secrets(_bedrock(settings=referring), PAIR) == {"SESSION"}


@pytest.mark.parametrize(
    ("deployment", "env", "told"),
    [
        (_bedrock(region=None), PAIR, "d names no region"),
        (_bedrock(settings=(("aws_role_name", "arn:aws:iam::1:role/x"),)), PAIR, "the runtime assumes no role (aws_role_name)"),
        (_vertex(region=None, secret="env:T"), {"T": "ya29.x"}, "d names no location"),
        (_vertex(settings=(), secret="env:T"), {"T": "ya29.x"}, "d names no project: set vertex_project"),
        (_vertex(secret="env:T"), {"T": "/nowhere/key.json"}, "the file that T names cannot be read: No such file"),
        (_vertex(secret="env:GOOGLE_APPLICATION_CREDENTIALS"), {"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}, "cannot be read"),
        (_vertex(secret="env:T"), {"T": "{no json"}, "T holds no key in JSON"),
        (_vertex(secret="env:T"), {"T": "{}"}, "T holds no key of Google Cloud"),
        (_vertex(secret="env:T"), {"T": '{"type": "external_account"}'}, "T holds credentials of the type 'external_account'"),
        (_vertex(secret="env:T"), {"T": '{"type": "service_account", "private_key": "s3cret"}'}, "T holds no whole key"),
    ],
)  # fmt: skip
def test_an_account_that_cannot_work_is_told_at_once_and_shows_no_secret(
    deployment: Deployment, env: dict[str, str], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        target(deployment, deployment.provider, "", env)

    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("package", "deployment", "extra"),
    [
        ("botocore", _bedrock(), "bedrock"),
        ("google", _vertex(secret=None), "vertex"),
        ("google.auth", _vertex(secret=None), "vertex"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, package: str, deployment: Deployment, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(UsageError, match=rf"llm-gateway-designer\[{extra}\]"):
        target(deployment, deployment.provider, "", PAIR)


def test_what_needs_no_credentials_goes_through_untouched() -> None:
    send = Request("http://x", {"a": "b"}, b"{}")
    kept = _Kept()
    upstream: Upstream = Authorized(kept)

    async def main() -> None:
        with pytest.raises(UpstreamError):
            await upstream(send)

    asyncio.run(main())
    assert kept.requests[0] is send
