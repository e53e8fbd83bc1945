"""Start a gateway on a copy of a configuration, and send it a scenario's requests at their times.

Whose process it is, LiteLLM's, Portkey's or the runtime's own, is said by a `Standing`; what the answers mean is
`designer.conform.worlds`' to say.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from msgspec import Struct
from msgspec.structs import replace

from designer.conform import litellm, portkey
from designer.conform.against import REQUEST
from designer.conform.installed import Installed
from designer.conform.observed import Answered, Asked, ask
from designer.conform.placed import address
from designer.conform.processes import Running, Start, free_port, running
from designer.conform.rehearsal import PLACEHOLDER_KEY, Rehearsal
from designer.errors import NetworkError, UsageError

RUNTIME = "runtime"
_WAKES = "wakes-the-gateway"


class Standing(Struct, frozen=True):
    """A running gateway, and how a request for a route is put to it."""

    name: str
    gateway: Running
    put: Callable[[str, Mapping[str, Any], int], Asked]
    """By route, what the request says, and its mark."""

    def asked(self, route: str, said: Mapping[str, Any], mark: int, at_s: float) -> Asked:
        asked = self.put(route, said, mark)
        return replace(asked, url=self.gateway.base_url + asked.url, at_s=at_s)

    def answers(self, requests: Sequence[Asked]) -> list[Answered]:
        """Each sent at its own time. Raises NetworkError when the gateway does not answer."""
        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(self._answer, requests))

    def wake(self) -> None:
        """Let it load what it loads at its first request, without asking any deployment of the copy."""
        self._answer(self.asked(_WAKES, {}, 0, 0.0))

    def _answer(self, asked: Asked) -> Answered:
        try:
            return ask(asked)
        except httpx.TransportError as problem:
            self.gateway.ensure_alive(self.name)
            raise NetworkError(
                f"{self.name} did not answer ({problem!r}); its log: {self.gateway.log}"
            ) from problem


@contextmanager
def standing(installed: Installed, copy: Rehearsal, configured: str) -> Iterator[Standing]:
    """On loopback until the block ends. `configured` is the token of the gateway that the file is for."""
    if installed.gateway not in (RUNTIME, configured):
        raise UsageError(f"the configuration is {configured}'s, and this is {installed.gateway}")
    with TemporaryDirectory(prefix="designer-worlds-") as folder:
        start, put = _STARTS[installed.gateway](installed, copy, Path(folder))
        with running(start) as gateway:
            yield Standing(start.name, gateway, put)


_Put = Callable[[str, Mapping[str, Any], int], Asked]


def _litellm(installed: Installed, copy: Rehearsal, folder: Path) -> tuple[Start, _Put]:
    [content] = copy.contents.values()
    general = dict(content.get("general_settings") or {}) | {"master_key": litellm.MASTER_KEY}
    models = [*content["model_list"], _waking(copy)]
    path = folder / "config.yaml"
    changed = content | {"general_settings": general, "model_list": models}
    path.write_text(json.dumps(changed), "utf-8")  # JSON is YAML
    key = {"authorization": f"Bearer {litellm.MASTER_KEY}"}

    def put(route: str, said: Mapping[str, Any], mark: int) -> Asked:
        return replace(REQUEST["litellm"](copy, route, said, mark), headers=key)

    return litellm.start(installed.program, path), put


def _waking(copy: Rehearsal) -> dict[str, Any]:
    """A group of its own, so that its one answer counts for no other: LiteLLM loads much at the first."""
    reached = next(d.api_base for d in copy.parsed.routing.deployments if d.api_base)
    params = {
        "model": "openai/any",
        "api_base": f"{address(reached.partition('/d/')[0], _WAKES)}/v1",
        "api_key": PLACEHOLDER_KEY,
    }
    return {"model_name": _WAKES, "litellm_params": params}


def _portkey(installed: Installed, copy: Rehearsal, folder: Path) -> tuple[Start, _Put]:
    def put(route: str, said: Mapping[str, Any], mark: int) -> Asked:
        return REQUEST["portkey-oss"](copy, route, said, mark)

    return portkey.start(installed.program), put


def _runtime(installed: Installed, copy: Rehearsal, folder: Path) -> tuple[Start, _Put]:
    files = folder / "files"
    for name, content in copy.contents.items():
        path = files / (name if len(copy.contents) > 1 else Path(name).name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), "utf-8")
    port = free_port()
    command = (*installed.program, str(files), "--port", str(port), "--semantics", installed.table)

    def put(route: str, said: Mapping[str, Any], mark: int) -> Asked:
        return REQUEST["litellm"](copy, route, said, mark)

    return Start("The runtime", command, port, "/healthz", within_s=60.0), put


_STARTS: Mapping[str, Callable[[Installed, Rehearsal, Path], tuple[Start, _Put]]] = {
    "litellm": _litellm,
    "portkey-oss": _portkey,
    RUNTIME: _runtime,
}


def runtime(semantics: str, version: str) -> Installed:
    """The runtime of this very installation, behaving as `semantics` says."""
    return Installed(RUNTIME, version, (sys.executable, "-m", "designer", "serve"), semantics)
