"""Any transport, for requests that have to be authorized on their way: signed, or given a token that
may have to be fetched first.

A request whose credentials are refused fails like one that the provider refuses: 401.
"""

import asyncio
import time
from dataclasses import dataclass, replace

from runtime.upstream.base import Request, Response, Upstream, UpstreamError, UpstreamFailure


@dataclass(frozen=True, slots=True)
class Authorized:
    upstream: Upstream

    async def __call__(self, send: Request) -> Response:
        if send.authorize is None:
            return await self.upstream(send)
        began = time.monotonic()
        try:
            async with asyncio.timeout(send.timeout_s):
                authorized = await send.authorize(send)
        except TimeoutError as error:
            said = "no credentials within the time limit"
            raise UpstreamError(UpstreamFailure("timeout", message=said)) from error
        if send.timeout_s is None:
            return await self.upstream(authorized)
        left_s = max(0.0, send.timeout_s - (time.monotonic() - began))
        return await self.upstream(replace(authorized, timeout_s=left_s))
