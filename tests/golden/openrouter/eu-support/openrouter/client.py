"""Send this folder's requests to OpenRouter: `await Gateway().chat("<route>", messages)`.

Emitted by designer; an edit is kept until the next `designer plan --overwrite`. Needs `openai` and
Python 3.11. Never called against openrouter.ai by the project's tests, only against a local server.

Each route's body is <folder>/request.json; host, key and time limit are in client.json. The client
itself never retries: OpenRouter moves on to the next endpoint by itself, and a retry would ask
all of them again.

preset.json is the same routing for `POST <base_url>/presets/<slug>/chat/completions`, which stores it
in the account; `preset=True` then sends the preset's name instead of the body. guardrail.json is for
`POST <base_url>/guardrails` with a management key, and does nothing until it is assigned to the key
that the requests are made with (`POST <base_url>/guardrails/<id>/assignments/keys`).

keys.json, where there are teams, holds a body of `POST <base_url>/keys` for each key to make. The
answer shows the key once: put it where OPENROUTER_API_KEY of that team's application comes from.
workspace.json, where there is one, holds bodies for `POST /workspaces`, `PUT
/workspaces/<id>/budgets/<interval>` (Enterprise plan) and `POST /observability/destinations`. All of
these want a management key, which cannot ask a model anything.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

MAX_SESSION_ID = 256


class Gateway:
    """`folder` is where this file and client.json stand; `env` holds the keys client.json names.

    With `team`, the name of one in client.json, only that team's routes are asked for.
    """

    def __init__(
        self,
        folder: Path = Path(__file__).parent,
        env: Mapping[str, str] = os.environ,
        team: str | None = None,
    ) -> None:
        self.folder = folder
        self.env = env
        settings = json.loads((folder / "client.json").read_text(encoding="utf-8"))
        self.routes = settings["routes"]
        self.team = {} if team is None else {"name": team, **settings["teams"][team]}

    async def chat(
        self,
        route: str,
        messages: list[Any],
        *,
        session: str | None = None,
        preset: bool = False,
        **fields: Any,
    ) -> Any:
        """One whole answer, or TimeoutError. `fields` are further fields of the body (`tools`)."""
        body = self.body(route, session=session, preset=preset, **fields)
        async with asyncio.timeout(self.routes[route]["timeout_s"]):
            async with self.client(route) as client:
                return await client.chat.completions.create(
                    model=body.pop("model"), messages=messages, extra_body=body
                )

    async def stream(
        self,
        route: str,
        messages: list[Any],
        *,
        session: str | None = None,
        preset: bool = False,
        **fields: Any,
    ) -> AsyncIterator[Any]:
        """Chunks of one answer. One with `finish_reason` "error" ends an answer that broke off."""
        body = self.body(route, session=session, preset=preset, **fields)
        async with asyncio.timeout(self.routes[route]["timeout_s"]):
            async with self.client(route) as client:
                chunks = await client.chat.completions.create(
                    model=body.pop("model"), messages=messages, stream=True, extra_body=body
                )
                async for chunk in chunks:
                    yield chunk

    async def embed(self, route: str, texts: str | list[str], **fields: Any) -> Any:
        body = self.body(route, **fields)
        async with asyncio.timeout(self.routes[route]["timeout_s"]):
            async with self.client(route) as client:
                return await client.embeddings.create(
                    model=body.pop("model"),
                    input=texts,
                    encoding_format=body.pop("encoding_format", "float"),
                    extra_body=body,
                )

    def body(
        self, route: str, session: str | None = None, preset: bool = False, **fields: Any
    ) -> dict[str, Any]:
        settings = self.settings(route)
        if preset:
            body: dict[str, Any] = {"model": f"@preset/{settings['preset']}"}
        else:
            request = self.folder / settings["folder"] / "request.json"
            body = json.loads(request.read_text(encoding="utf-8"))
        if session is not None and settings["session_from"] != "none":
            body["session_id"] = session_id(session)
        return {**body, **fields}

    def settings(self, route: str) -> Any:
        allowed = self.team.get("routes")
        if allowed is not None and route not in allowed:
            raise PermissionError(f"{self.team['name']} may not ask for {route}")
        return self.routes[route]

    def client(self, route: str) -> AsyncOpenAI:
        settings = self.settings(route)
        return AsyncOpenAI(
            base_url=settings["base_url"],
            api_key=self.env[settings["api_key"].removeprefix("env:")],
            max_retries=0,
            default_headers=cache_headers(settings.get("cache_ttl_s")),
            timeout=None,  # asyncio.timeout limits the whole request; this would limit each read
        )


def cache_headers(ttl_s: int | None) -> dict[str, str]:
    """An answer is found again by the same key for the same bytes; without a time, none is kept."""
    if ttl_s is None:
        return {"X-OpenRouter-Cache": "false"}
    return {"X-OpenRouter-Cache": "true", "X-OpenRouter-Cache-TTL": str(ttl_s)}


def session_id(session: str) -> str:
    """OpenRouter takes at most 256 characters; a longer one is told apart by its hash."""
    if len(session) <= MAX_SESSION_ID:
        return session
    return hashlib.sha256(session.encode()).hexdigest()
