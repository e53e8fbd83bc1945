"""What a transport to a provider is: one request in, one answer or one named failure out.

Nothing here knows a dialect, and nothing retries: what a failure leads to is the engine's affair.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from designer.errors import NetworkError


@dataclass(frozen=True, slots=True)
class Request:
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """Never shown: they hold the secret."""
    body: bytes = field(repr=False)
    is_stream: bool = False
    timeout_s: float | None = None
    """Until the whole answer is there or, on a stream, until its headers are."""
    idle_s: float | None = None
    """The longest silence between two pieces of a stream."""
    authorize: "Authorize | None" = None
    """Makes the headers that a secret alone does not, see `authorized`; None where none is wanted."""


Authorize = Callable[[Request], Awaitable[Request]]
"""Raises `UpstreamError` where the credentials are refused or cannot be had."""


class Response(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    async def read(self) -> bytes:
        """The whole body."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        ...

    async def close(self) -> None:
        """Give the connection up. Harmless when it is done with already."""
        ...

    async def finish(self) -> None:
        """Take what is still to come of a body that has said all it had to say."""
        ...


class Upstream(Protocol):
    async def __call__(self, send: Request) -> Response:
        """Raises `UpstreamError`, as reading the response does, when the provider cannot be heard.

        An HTTP error is an answer, not an exception.
        """
        ...


@dataclass(frozen=True, slots=True)
class UpstreamFailure:
    """Why an attempt came to nothing. `token` is a failure token of `designer.ir`."""

    token: str
    status: int | None = None
    """What the provider answered, where it answered."""
    retry_after_s: float | None = None
    body: bytes = field(default=b"", repr=False)
    """What the provider said, for the caller to see where the failure is the caller's own."""
    message: str = ""


class UpstreamError(NetworkError):
    """The provider could not be reached, fell silent, or broke off."""

    def __init__(self, failure: UpstreamFailure) -> None:
        super().__init__(
            f"{failure.token}: {failure.message}" if failure.message else failure.token
        )
        self.failure = failure
