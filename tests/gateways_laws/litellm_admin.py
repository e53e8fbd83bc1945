"""A stand-in for LiteLLM's admin API with teams and keys in memory, and apply_teams.py run against it.

What it answers is as little as the script reads; `check` sees every body that would change something.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct, field


class Admin(Struct):
    url: str = ""
    teams: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    check: Callable[[str, dict[str, Any]], None] = lambda _path, _body: None

    def get(self, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/team/list":
            return self.teams
        assert path == "/key/list", path
        return {"keys": [k for k in self.keys if k["key_alias"] == query["key_alias"][0]]}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self.check(path, body)
        self.changes.append((path, body))
        match path:
            case "/team/new":
                team = {"team_id": f"team-{len(self.teams) + 1}"} | _stored(body)
                self.teams.append(team)
                return team
            case "/team/update":
                team = next(t for t in self.teams if t["team_id"] == body["team_id"])
                team.update(_stored(body))
                return team
            case "/key/generate":
                made = sum(p == path for p, _ in self.changes)
                self.keys.append({"token": f"hash-{made}", **body})
                return {"key": f"sk-made-{made}"}
            case "/key/update":
                key = next(k for k in self.keys if k["token"] == body["key"])
                key["team_id"] = body["team_id"]
                return key
        raise AssertionError(path)


def _stored(body: dict[str, Any]) -> dict[str, Any]:
    """Aliases come back from a table of their own, as text."""
    kept = {key: value for key, value in body.items() if key != "model_aliases"}
    if "model_aliases" in body:
        kept["litellm_model_table"] = {"model_aliases": json.dumps(body["model_aliases"])}
    return kept


@contextmanager
def running_admin() -> Iterator[Admin]:
    admin = Admin()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            self._answer(admin.get(asked.path, parse_qs(asked.query)))

        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            self._answer(admin.post(self.path, json.loads(self.rfile.read(size))))

        def _answer(self, value: Any) -> None:
            assert self.headers["authorization"] == "Bearer sk-master"
            payload = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            """Not among the test's own words."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    admin.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield admin
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def apply_teams(folder: Path, admin: Admin, *options: str) -> subprocess.CompletedProcess[str]:
    """The emitted script in its folder, with the standard library alone."""
    url = () if "--url" in options else ("--url", admin.url)
    return subprocess.run(
        [sys.executable, "-I", "apply_teams.py", *url, *options],
        cwd=folder,
        env={"LITELLM_MASTER_KEY": "sk-master"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
