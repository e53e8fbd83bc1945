"""Access tokens of Google Cloud, by google-auth (the extra `vertex`).

A token is fetched at the first request that needs it and again before it expires, in a thread: never
when the runtime starts, and never on the event loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import google.auth
import httpx
from google.auth import exceptions, transport
from google.auth.credentials import Credentials
from google.oauth2.credentials import Credentials as UserCredentials
from google.oauth2.service_account import Credentials as ServiceAccount

from runtime.upstream.base import Request, UpstreamError, UpstreamFailure

_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_FETCHED_WITHIN_S: Final = 10.0


class Token:
    """One deployment's token, shared by all its requests."""

    def __init__(self, find: Callable[[], Credentials]) -> None:
        """`find` may ask the network: it is called once, in a thread."""
        self._find = find
        self._credentials: Credentials | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, send: Request) -> Request:
        token = await self._valid()
        return replace(send, headers={**send.headers, "authorization": f"Bearer {token}"})

    async def _valid(self) -> str:
        if self._credentials is None or not self._credentials.valid:
            async with self._lock:
                if self._credentials is None or not self._credentials.valid:
                    self._credentials = await asyncio.to_thread(self._renewed)
        return str(self._credentials.token)

    def _renewed(self) -> Credentials:
        try:
            credentials = self._credentials or self._find()
            credentials.refresh(_Transport())
        except exceptions.TransportError as error:
            message = f"Google's token server: {error}"
            raise UpstreamError(UpstreamFailure("connect", message=message[:500])) from error
        except exceptions.GoogleAuthError as error:
            message = f"Google gave no token: {error.args[0] if error.args else error!r}"
            raise UpstreamError(UpstreamFailure("401", 401, message=message[:500])) from error
        return credentials


def of_account(info: Mapping[str, Any]) -> Callable[[], Credentials]:
    """Of a key file's content. Raises KeyError for a type that is not known here, and ValueError for
    one that is not whole."""
    found: Credentials
    match info["type"]:
        case "service_account":
            found = ServiceAccount.from_service_account_info(info, scopes=_SCOPES)
        case "authorized_user":
            found = UserCredentials.from_authorized_user_info(info, scopes=_SCOPES)
        case other:
            raise KeyError(other)
    return lambda: found


def of_machine() -> Credentials:
    """What Google's tools would use here: a login, a workload's or an instance's account."""
    credentials, _ = google.auth.default(scopes=_SCOPES, request=_Transport())
    return credentials


class _Answer(transport.Response):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.content


class _Transport(transport.Request):
    """google-auth's, by the HTTP client that is here anyway."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> transport.Response:
        try:
            answer = httpx.request(
                method, url, content=body, headers=headers, timeout=timeout or _FETCHED_WITHIN_S
            )
        except httpx.HTTPError as error:
            raise exceptions.TransportError(str(error) or type(error).__name__) from error
        return _Answer(answer)
