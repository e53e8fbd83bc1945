"""Send this folder's requests to OpenRouter: `await Gateway().chat("<route>", messages)`.

Emitted by designer; an edit is kept until the next `designer plan --overwrite`. Needs `openai` and
Python 3.11. Never called against openrouter.ai by the project's tests, only against a local server.

Each route's body is <folder>/request.json; host, key and time limit are in client.json. Routes with a
`pick` there have no body: this client picks another route by the request's metadata, by its team or,
in an experiment, by who asks; OpenRouter itself takes no such rules. The client
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
these want a management key, which cannot ask a model anything. main.tf.json does the same with Terraform, and
assigns the guardrail to the keys that it makes.
"""

import asyncio
import hashlib
import json
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

MAX_SESSION_ID = 256


class Gateway:
    """`folder` is where this file and client.json stand; `env` holds the keys client.json names.

    With `team`, the name of one in client.json, only that team's routes are asked for, and rules about
    the team hold. `draw` gives numbers from 0 to 1 for experiments.
    """

    def __init__(
        self,
        folder: Path = Path(__file__).parent,
        env: Mapping[str, str] = os.environ,
        team: str | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.folder = folder
        self.env = env
        self.draw = draw
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
        chosen = self.choose(route, fields)
        body = self.body(chosen, session=session, preset=preset, **fields)
        async with asyncio.timeout(self.routes[route]["timeout_s"]):
            async with self.client(chosen, self.routes[route].get("cache_ttl_s")) as client:
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
        chosen = self.choose(route, fields)
        body = self.body(chosen, session=session, preset=preset, **fields)
        async with asyncio.timeout(self.routes[route]["timeout_s"]):
            async with self.client(chosen, self.routes[route].get("cache_ttl_s")) as client:
                chunks = await client.chat.completions.create(
                    model=body.pop("model"), messages=messages, stream=True, extra_body=body
                )
                async for chunk in chunks:
                    yield chunk

    async def embed(self, route: str, texts: str | list[str], **fields: Any) -> Any:
        chosen = self.choose(route, fields)
        body = self.body(chosen, **fields)
        async with asyncio.timeout(self.routes[route]["timeout_s"]):
            async with self.client(chosen, self.routes[route].get("cache_ttl_s")) as client:
                return await client.embeddings.create(
                    model=body.pop("model"),
                    input=texts,
                    encoding_format=body.pop("encoding_format", "float"),
                    extra_body=body,
                )

    def body(
        self, route: str, session: str | None = None, preset: bool = False, **fields: Any
    ) -> dict[str, Any]:
        settings = self.routes[route]
        if preset:
            body: dict[str, Any] = {"model": f"@preset/{settings['preset']}"}
        else:
            request = self.folder / settings["folder"] / "request.json"
            body = json.loads(request.read_text(encoding="utf-8"))
        if session is not None and settings["session_from"] != "none":
            body["session_id"] = session_id(session)
        return {**body, **fields}

    def choose(self, route: str, fields: Mapping[str, Any]) -> str:
        """The route whose request is sent: itself, or the one that its rules or experiment say.

        `task` and `metadata.<k>` are looked up in the field `metadata`, `team.<k>` in client.json.
        """
        allowed = self.team.get("routes")
        if allowed is not None and route not in allowed:
            raise PermissionError(f"{self.team['name']} may not ask for {route}")
        while "pick" in self.routes[route]:
            pick = self.routes[route]["pick"]
            while not isinstance(pick, str):
                pick = self.arm(pick, fields) if "arms" in pick else self.case(pick, fields)
            route = pick
        return route

    def case(self, pick: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
        for case in pick["cases"]:
            if self.value(case["key"], fields) == case["is"]:
                return case["to"]
        if pick["else"] is None:
            raise LookupError("no case holds for this request, and there is no other way")
        return pick["else"]

    def arm(self, pick: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
        """The same caller takes the same arm; a request that names nobody takes a draw."""
        who = fields.get("user") if pick["by"] == "user" else self.value(pick["by"], fields)
        if who:
            digest = hashlib.sha256(f"{pick['experiment']}\0{who}".encode()).digest()
            draw = int.from_bytes(digest[:8]) / 2**64
        else:
            draw = self.draw()
        total = sum(arm["share"] for arm in pick["arms"])
        reached = 0.0
        for arm in pick["arms"]:
            reached += arm["share"] / total if total else 1 / len(pick["arms"])
            if reached > draw:
                return arm["to"]
        return pick["arms"][-1]["to"]

    def value(self, key: str, fields: Mapping[str, Any]) -> Any:
        space, _, name = key.partition(".")
        if space == "team":
            return self.team.get(name)
        return (fields.get("metadata") or {}).get(name or space)

    def client(self, route: str, cache_ttl_s: int | None = None) -> AsyncOpenAI:
        settings = self.routes[route]
        return AsyncOpenAI(
            base_url=settings["base_url"],
            api_key=self.env[settings["api_key"].removeprefix("env:")],
            max_retries=0,
            default_headers=cache_headers(cache_ttl_s),
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
