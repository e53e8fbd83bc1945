"""Play cases on a real gateway, and compare what comes of each with what the engine says."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from msgspec import Struct
from msgspec.structs import replace

from designer.conform import litellm, portkey
from designer.conform.case import Case
from designer.conform.compare import Compared, compare
from designer.conform.installed import Installed
from designer.conform.observed import Answered, Asked, Observed, Provider, ask, observed
from designer.conform.placed import Placed, place
from designer.conform.processes import Running, running
from designer.errors import NetworkError

LITELLM_TOGETHER = 6
PORTKEY_TOGETHER = 24
"""How many cases run side by side: one busy process each; Portkey's are mostly waiting."""

_SETTLES_S = 0.15
"""After the answer: an attempt that nobody waited for may still arrive."""


class Result(Struct, frozen=True):
    case: Case
    compared: Compared
    seen: tuple[Observed, ...]
    times: int = 1
    """How often it was run: what differs because the machine was busy, perhaps, is run again alone."""

    @property
    def agrees(self) -> bool:
        return not self.compared.differences


class Stage(Struct, frozen=True):
    """A running gateway and how cases are put to it."""

    gateway: Running
    name: str
    together: int
    requests: Callable[[Placed, Sequence[int]], list[Asked]]


class Runner:
    """Plays cases on one installed gateway."""

    def __init__(self, installed: Installed, provider: Provider) -> None:
        self._installed = installed
        self._provider = provider
        self._marks = itertools.count(1)
        self._mark_lock = threading.Lock()
        self._turn = 0

    def run(self, cases: Sequence[Case]) -> Iterator[Result]:
        """Results as they come. Raises NetworkError when the gateway does not start, or ends."""
        hasty: list[Case] = []
        for result in self._all(cases):
            if result.compared.only_times or (result.case.script.is_list and not result.agrees):
                hasty.append(result.case)
            else:
                yield result
        # On a busy machine an attempt may come late, or the next request before the gateway has counted
        # the last one's failure, which it does behind its answer. What differs alone is a difference.
        for result in self._all(hasty, together=1):
            yield replace(result, times=2)

    def _all(self, cases: Sequence[Case], together: int | None = None) -> Iterator[Result]:
        if not cases:
            return
        self._turn += 1
        if self._installed.gateway == "litellm":
            yield from self._litellm(cases, together or LITELLM_TOGETHER)
        else:
            yield from self._portkey(cases, together or PORTKEY_TOGETHER)

    # --- The gateways ---------------------------------------------------------------------------

    def _litellm(self, cases: Sequence[Case], together: int) -> Iterator[Result]:
        light = [case for case in cases if litellm.comes_along(case)]
        heavy = [case for case in cases if not litellm.comes_along(case)]
        if light:
            yield from self._boot_litellm([], light, together)
        for group in litellm.boots(heavy):
            yield from self._boot_litellm(group, [], together)

    def _boot_litellm(
        self, booted: Sequence[Case], light: Sequence[Case], together: int
    ) -> Iterator[Result]:
        parse = litellm.parser(self._installed.table)
        placed = [self._place(case, litellm.fill, parse) for case in (*booted, *light)]
        inside = placed[: len(booted)]
        with TemporaryDirectory(prefix="designer-conform-") as folder:
            config = Path(folder) / "config.yaml"
            # JSON is YAML.
            said = litellm.booted([(one.case, one.config) for one in inside])
            config.write_text(json.dumps(said, indent=1), "utf-8")
            with running(litellm.start(self._installed.program, config)) as gateway:

                def requests(one: Placed, marks: Sequence[int]) -> list[Asked]:
                    return litellm.requests(
                        one.case, one.config, gateway.base_url, marks, len(inside)
                    )

                yield from self._play(Stage(gateway, "LiteLLM", together, requests), placed)

    def _portkey(self, cases: Sequence[Case], together: int) -> Iterator[Result]:
        parse = portkey.parser(self._installed.table)
        placed = [self._place(case, portkey.fill, parse) for case in cases]
        with running(portkey.start(self._installed.program)) as gateway:

            def requests(one: Placed, marks: Sequence[int]) -> list[Asked]:
                return portkey.requests(one.case, one.config, gateway.base_url, marks)

            yield from self._play(Stage(gateway, "Portkey", together, requests), placed)

    def _place(self, case: Case, fill: Any, parse: Any) -> Placed:
        return place(case, self._provider, fill, parse, self._turn)

    # --- The cases ------------------------------------------------------------------------------

    def _play(self, stage: Stage, placed: Sequence[Placed]) -> Iterator[Result]:
        with ThreadPoolExecutor(stage.together) as pool:
            coming = [pool.submit(self._one, stage, one) for one in placed]
            try:
                for done in as_completed(coming):
                    yield done.result()
            except BaseException:
                for future in coming:
                    future.cancel()
                stage.gateway.end()  # or the requests under way would be waited for
                raise

    def _one(self, stage: Stage, one: Placed) -> Result:
        count = len(one.case.script.asked)
        with self._mark_lock:
            marks = [next(self._marks) for _ in range(count)]
        requests = stage.requests(one, marks)
        answers = _asked(stage, requests)
        time.sleep(_SETTLES_S)
        seen = tuple(
            observed(asked, answer, self._provider.reached(mark), one.names)
            for asked, answer, mark in zip(requests, answers, marks, strict=True)
        )
        return Result(one.case, compare(one.case, one.parsed, seen), seen)


def _asked(stage: Stage, requests: Sequence[Asked]) -> list[Answered]:
    """The answers to all requests of a case, each sent at its own time."""

    def one(asked: Asked) -> Answered:
        try:
            return ask(asked)
        except httpx.TransportError as problem:
            stage.gateway.ensure_alive(stage.name)
            raise NetworkError(
                f"{stage.name} did not answer ({problem!r}); its log: {stage.gateway.log}"
            ) from problem

    if len(requests) == 1:
        return [one(requests[0])]
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def agreement(results: Sequence[Result]) -> float:
    """The share of cases that agree; 1.0 of none."""
    return sum(result.agrees for result in results) / len(results) if results else 1.0


def distinct(cases: Sequence[Case]) -> Mapping[str, Case]:
    """Cases by what they ask: two that ask the same thing are one."""
    return {case.fingerprint: case for case in cases}
