"""Several processes that answer on one socket, and one that watches over them.

A worker that dies is replaced. They share the state file, so keys and the ledger are one; which
deployments are cooling, and whose turn it is, each worker finds out for itself.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from designer.errors import NetworkError, UsageError

_LEAST_LIFE_S: Final = 2.0
"""A worker that dies sooner has a trouble that another one would have too."""


def run_workers(count: int, listening: socket.socket, work: Callable[[], None]) -> None:
    """`work` in `count` processes until one of SIGINT and SIGTERM comes; returns when all have ended.

    SIGHUP is passed on to each of them.

    Raises NetworkError when a worker cannot stay alive.
    """
    if not hasattr(os, "fork"):
        raise UsageError("--workers needs a system that can fork; start several on several ports")
    listening.listen(2048)
    stopping: list[int] = []

    born: dict[int, float] = {}

    def tell_all(number: int) -> None:
        for pid in list(born):
            with suppress(ProcessLookupError):  # it has just been waited for
                os.kill(pid, number)

    def stop(number: int, _frame: Any) -> None:
        stopping.append(number)
        tell_all(signal.SIGTERM)

    def reload(number: int, _frame: Any) -> None:
        tell_all(number)

    def bear() -> None:
        pid = _fork(work, before)
        born[pid] = time.monotonic()
        if stopping:
            os.kill(pid, signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, reload)
    try:
        for _ in range(count):
            bear()
        while born:
            pid, status = os.wait()
            began = born.pop(pid, None)
            if began is None or stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            if time.monotonic() - began < _LEAST_LIFE_S:
                stop(signal.SIGTERM, None)
                _reap(born)
                raise NetworkError(f"a worker ended with {code} as soon as it had started")
            print(f"a worker ended with {code}; another takes its place", file=sys.stderr)
            bear()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fork(work: Callable[[], None], handlers: Mapping[signal.Signals, Any]) -> int:
    """The pid of a new process that does `work` and nothing after it.

    SIGHUP waits in it until `work` unblocks it: it would end a process that does not listen yet.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    code = 70
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        work()
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        os._exit(code)


def _reap(born: dict[int, float]) -> None:
    while born:
        pid, _ = os.wait()
        born.pop(pid, None)
