"""Many dry runs, on all cores or on a cluster: the same results in the same order, however many work.

A run depends on its job and its seed alone, so nothing is shared and nothing has to be merged. joblib
(the extra `sweep`) spreads runs over processes, and over Dask or Ray where a cluster is named; without
it, or with one worker, they happen here. An interrupted sweep ends early, with what it has.
"""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import parent_process
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.errors import UsageError
from designer.gateways.base import Parsed
from designer.simulate.driver import simulate
from designer.simulate.replay import Recording
from designer.simulate.result import Result
from designer.simulate.scenario import Scenario
from designer.simulate.seeds import over_seeds
from designer.simulate.services import Service
from designer.simulate.traffic import Load

BACKENDS = ("loky", "dask", "ray")
Backend = Literal["loky", "dask", "ray"]
_NEEDS: Mapping[str, str] = {"loky": "joblib", "dask": "distributed", "ray": "ray"}
"""The package that a back end stands on."""


class Job(Struct, frozen=True):
    """One configuration under one scenario."""

    parsed: Parsed
    scenario: Scenario
    services: Mapping[str, Service]
    traffic: Mapping[str, Load]
    recording: Recording | None = None


class Workers(Struct, frozen=True):
    """Who does the work. `address` is a running cluster's; without one, Dask and Ray start their own here."""

    count: int = 1
    backend: Backend = "loky"
    address: str | None = None


def sweep(
    jobs: Sequence[Job], seeds: Sequence[int], report: Report, workers: Workers | None = None
) -> list[Result]:
    """A result for each job, over all seeds. After Ctrl-C: those that were begun, the last one partial.

    Findings are the same for every seed, and told once.
    """
    tasks = [(_lean(job), seed) for job in jobs for seed in seeds]
    runs: list[list[Result]] = [[] for _ in jobs]
    done = 0
    try:
        for result, found in _performed(tasks, workers or Workers()):
            if done % len(seeds) == 0:
                report.extend(found)
            runs[done // len(seeds)].append(result)
            done += 1
            if result.is_partial:
                break
    except KeyboardInterrupt:
        pass  # said by the results: those that are missing make the rest partial
    return [_summed(one, len(seeds)) for one in runs if one]


def _summed(runs: list[Result], wanted: int) -> Result:
    whole = [run for run in runs if not run.is_partial] or runs
    return replace(over_seeds(whole), is_partial=len(whole) < wanted or runs[0].is_partial)


def _lean(job: Job) -> Job:
    """Without what no run reads, so that little travels."""
    parsed = replace(job.parsed, documents=(), places={}, for_request=None)
    return replace(job, parsed=parsed)


def _performed(
    tasks: Sequence[tuple[Job, int]], workers: Workers
) -> Iterator[tuple[Result, Report]]:
    is_local = workers.backend == "loky"
    if is_local and (workers.count == 1 or len(tasks) == 1 or not find_spec("joblib")):
        yield from (_run(job, seed) for job, seed in tasks)
        return
    if not find_spec("joblib") or not find_spec(_NEEDS[workers.backend]):
        raise UsageError(
            f"`--backend {workers.backend}` needs joblib and {_NEEDS[workers.backend]}"
        )
    joblib = import_module("joblib")
    # Ray's own back end has no results before all of them.
    form = "list" if workers.backend == "ray" else "generator"
    with _CLUSTERS[workers.backend](workers):
        parallel = joblib.Parallel(n_jobs=workers.count, return_as=form)
        yield from parallel(joblib.delayed(_run)(job, seed) for job, seed in tasks)


@contextmanager
def _processes(_workers: Workers) -> Iterator[None]:
    """Joblib keeps its processes for next time; here there is none, and an exit would wait for them."""
    try:
        yield
    finally:
        executor = import_module("joblib.externals.loky").get_reusable_executor
        executor().shutdown(wait=True, kill_workers=True)


@contextmanager
def _dask(workers: Workers) -> Iterator[None]:
    size = {} if workers.address else {"n_workers": workers.count, "threads_per_worker": 1}
    client = import_module("distributed").Client(workers.address, **size)
    with client, import_module("joblib").parallel_config(backend="dask"):
        yield


@contextmanager
def _ray(workers: Workers) -> Iterator[None]:
    ray = import_module("ray")
    size = {} if workers.address else {"num_cpus": workers.count}
    ray.init(address=workers.address, **size)
    try:
        import_module("ray.util.joblib").register_ray()
        with import_module("joblib").parallel_config(backend="ray"):
            yield
    finally:
        ray.shutdown()


_CLUSTERS = {"loky": _processes, "dask": _dask, "ray": _ray}


def _run(job: Job, seed: int) -> tuple[Result, Report]:
    if parent_process() is not None and _is_main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer
    report = Report()
    facts = job.services, job.traffic
    result = simulate(job.parsed, job.scenario, *facts, report, seed, job.recording)
    return result, report


def _is_main_thread() -> bool:
    """Whether this is a process's main thread: no other may say how signals are met."""
    return threading.current_thread() is threading.main_thread()
