"""Several processes that answer on one socket, and one that watches over them.

A worker that dies is replaced; when the one that watches dies, they end. They share the state file, so
keys and the ledger are one; which deployments are cooling, and whose turn it is, each worker finds out
for itself.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from designer.errors import NetworkError, UsageError

_LEAST_LIFE_S: Final = 2.0
"""Workers that end sooner, and that nobody killed, may have a trouble that others would have too."""
_PAUSE_S: Final = 0.5
"""Before another one takes the place of such a worker, when it is not the first."""
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


def run_workers(count: int, listening: socket.socket, work: Callable[[], None]) -> None:
    """`work` in `count` processes until one of SIGINT and SIGTERM comes; returns when all have ended.

    SIGHUP is passed on to each of them.

    Raises NetworkError when no worker can stay alive.
    """
    if not hasattr(os, "fork"):
        raise UsageError("--workers needs a system that can fork; start several on several ports")
    listening.listen(2048)
    alive, held = os.pipe()
    stopping: list[int] = []
    born: dict[int, float] = {}
    ended_young = {False: 0, True: 0}
    """In a row, by whether they were killed."""

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
        pid = _fork(partial(_bound, work, alive, held), before)
        born[pid] = time.monotonic()
        if stopping:
            os.kill(pid, signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in _STOPS}
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
            is_killed = code == -signal.SIGKILL
            ended_young[is_killed] = ended_young[is_killed] + 1 if _is_young(began) else 0
            if ended_young[is_killed] > count:
                if not is_killed and all(map(_is_young, born.values())):
                    stop(signal.SIGTERM, None)
                    _reap(born)
                    raise NetworkError(f"workers end as soon as they have started, with {code}")
                time.sleep(_PAUSE_S)
            print(f"a worker ended with {code}; another takes its place", file=sys.stderr)
            bear()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(alive)
        os.close(held)


def _is_young(began: float) -> bool:
    return time.monotonic() - began < _LEAST_LIFE_S


def _bound(work: Callable[[], None], alive: int, held: int) -> None:
    """`work`, which ends as on SIGINT when nobody holds `held` any more, the other end of `alive`.

    Workers that nobody watches over would keep the port from those that are started anew.
    """
    os.close(held)

    def end() -> None:
        os.read(alive, 1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=end, name="alive", daemon=True).start()
    work()


def _fork(work: Callable[[], None], handlers: Mapping[signal.Signals, Any]) -> int:
    """The pid of a new process that does `work` and nothing after it.

    Signals wait until it no longer has the handlers of whoever watches, and SIGHUP until `work`
    unblocks it: it would end a process that does not listen yet.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOPS, signal.SIGHUP})
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    code = 70
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
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
