"""The transport to providers: whole answers however they are cut, and a name for everything else.

The provider is a socket that says what the test wants, byte for byte.
"""

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.upstream import Request, UpstreamError
from runtime.upstream.http import HttpUpstream, place_of

Said = Sequence[bytes | float | None]
"""What the provider writes for one request; a number is a pause, None the end of the connection."""
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
TO_THE_END = OK + b"connection: close\r\n\r\nhello"


class Provider:
    """Answers one request after another by its script, whichever connection they come over."""

    def __init__(self, *script: Said) -> None:
        self.script = list(script)
        self.heads: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.script:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.heads.append(head + await reader.readexactly(length))
                if not await _say(writer, self.script.pop(0)):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def _say(writer: asyncio.StreamWriter, said: Said) -> bool:
    for part in said:
        if part is None:
            return False
        if isinstance(part, bytes):
            writer.write(part)
            await writer.drain()
        else:
            await asyncio.sleep(part)
    return True


Ask = Callable[..., Awaitable[bytes]]


def _run(provider: Provider, story: Callable[[Ask], Awaitable[Any]], **tls: Any) -> Any:
    async def everything() -> Any:
        server = await asyncio.start_server(provider, "127.0.0.1", 0, ssl=tls.get("server"))
        port = server.sockets[0].getsockname()[1]
        scheme = "https" if tls else "http"
        upstream = HttpUpstream(tls=tls.get("client"))

        async def ask(**more: Any) -> bytes:
            url = f"{scheme}://127.0.0.1:{port}/v1/x"
            response = await upstream(Request(url, {"authorization": "Bearer k"}, b"{}", **more))
            assert response.status == 200
            if not more.get("is_stream"):
                return await response.read()
            try:
                return b"".join([chunk async for chunk in response.chunks()])
            finally:
                await response.close()

        try:
            return await story(ask)
        finally:
            await upstream.close()
            server.close()

    return asyncio.run(everything())


def _failure(provider: Provider, **more: Any) -> str:
    async def story(ask: Ask) -> str:
        with pytest.raises(UpstreamError) as caught:
            await ask(**more)
        return caught.value.failure.token

    token: str = _run(provider, story)
    return token


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("answer", [WHOLE, CHUNKED, TO_THE_END])
@given(cuts=st.sets(st.integers(1, 90), max_size=4), waits=st.booleans())
def test_an_answer_is_the_same_however_it_is_cut(
    answer: bytes, is_stream: bool, cuts: set[int], waits: bool
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    said: list[bytes | float | None] = []
    for start, end in zip(edges, edges[1:], strict=False):
        said += [answer[start:end], 0.0 if waits else answer[:0]]
    said += [None] if answer is TO_THE_END else []

    assert _run(Provider(said), lambda ask: ask(is_stream=is_stream)) == b"hello"


def test_a_connection_carries_one_request_after_another() -> None:
    provider = Provider([WHOLE], [CHUNKED], [b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE])

    async def story(ask: Ask) -> list[bytes]:
        return [await ask(), await ask(is_stream=True), await ask()]

    assert _run(provider, story) == [b"hello"] * 3
    assert provider.connections == 1
    assert provider.heads[0].startswith(b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"authorization: Bearer k\r\n" in provider.heads[0]
    assert provider.heads[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    "unusable",
    [
        [WHOLE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)],
        [WHOLE, None],
        [WHOLE + OK + b"content-le"],
        [WHOLE, 0.01, WHOLE],
    ],
    ids=["closing", "closed", "with the beginning of another answer", "that talks unasked"],
)
def test_a_connection_that_cannot_be_trusted_carries_nothing_more(unusable: Said) -> None:
    provider = Provider(unusable, [WHOLE])

    async def story(ask: Ask) -> list[bytes]:
        first = await ask()
        await asyncio.sleep(0.05)
        return [first, await ask()]

    assert _run(provider, story) == [b"hello"] * 2
    assert provider.connections == 2


@pytest.mark.parametrize(
    ("said", "more", "token"),
    [
        ([None], {}, "reset"),
        ([WHOLE[:-2], None], {}, "reset"),
        ([CHUNKED[:-9], None], {"is_stream": True}, "stream_cut"),
        ([b"220 ready\r\n"], {}, "malformed"),
        ([OK + b"x: " + b"y" * 70_000], {}, "malformed"),
        ([OK + b"content-encoding: gzip\r\ncontent-length: 1\r\n\r\nx"], {}, "malformed"),
        ([CHUNKED[:-20] + b"zz\r\n"], {"is_stream": True}, "stream_cut"),
        ([0.4, WHOLE], {"timeout_s": 0.05}, "timeout"),
        ([WHOLE[:-2], 0.4], {"timeout_s": 0.05}, "timeout"),
        ([0.4, CHUNKED], {"is_stream": True, "timeout_s": 0.05}, "timeout"),
        ([0.4, CHUNKED], {"is_stream": True, "idle_s": 0.05}, "first_token"),
        ([CHUNKED[:-9], 0.4], {"is_stream": True, "idle_s": 0.05}, "stream_stall"),
    ],
)
def test_what_is_no_answer_has_a_name(said: Said, more: dict[str, Any], token: str) -> None:
    assert _failure(Provider(said), **more) == token


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "no url", "http://u:p@x/", "http://127.0.0.1:1/", "http://x:y/"]
)
def test_what_cannot_be_reached_is_a_failure_to_connect(url: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(_asked(url))

    assert caught.value.failure.token == "connect"


async def _asked(url: str, headers: dict[str, str] | None = None) -> None:
    await HttpUpstream()(Request(url, headers or {}, b""))


def test_a_header_cannot_smuggle_another_one() -> None:
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(_asked("http://127.0.0.1:1/", {"authorization": "k\r\nhost: elsewhere"}))

    assert caught.value.failure.token == "malformed"


@pytest.mark.parametrize(
    ("url", "named", "path"),
    [
        ("http://a.example/v1/chat?api-version=1", "a.example", "/v1/chat?api-version=1"),
        ("https://[::1]:8443", "[::1]:8443", "/"),
        ("http://b\u00fccher.example:80/a b/\u00fc", "xn--bcher-kva.example:80", "/a%20b/%C3%BC"),
        ("http://a.example/models/gemini-1:stream%20x", "a.example", "/models/gemini-1:stream%20x"),
    ],
)
def test_a_url_is_asked_for_as_it_is_written(url: str, named: str, path: str) -> None:
    place = place_of(url)

    assert (place.named, place.path) == (named, path)


def test_a_caller_that_gives_up_takes_its_connection_along() -> None:
    provider = Provider([0.2, WHOLE], [WHOLE])

    async def story(ask: Ask) -> bytes:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask()
        return await ask()

    assert _run(provider, story) == b"hello"
    assert provider.connections == 2


def test_a_body_that_nobody_takes_is_not_read_without_end() -> None:
    size, took = 30_000_000, 0
    head = OK + b"content-length: %d\r\n\r\n" % size

    async def story() -> int:
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while sent < size:
                writer.write(bytes(100_000))
                sent += 100_000
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(flood, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        upstream = HttpUpstream()
        response = await upstream(Request(f"http://127.0.0.1:{port}/", {}, b"", is_stream=True))
        await asyncio.sleep(0.3)
        held_back = sent
        nonlocal took
        async for chunk in response.chunks():
            took += len(chunk)
        await upstream.close()
        server.close()
        return held_back

    assert asyncio.run(story()) < size
    assert took == size


def test_a_certificate_is_asked_for_and_has_to_be_known(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(made, check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)

    known = ssl.create_default_context(cafile=str(certificate))
    assert _run(Provider([WHOLE]), lambda ask: ask(), server=server, client=known) == b"hello"

    with pytest.raises(UpstreamError, match="certificate verify failed"):
        _run(Provider([WHOLE]), lambda ask: ask(), server=server, client=None)
