"""Several seeds and several workers: intervals over runs, the same bytes, and what Ctrl-C leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Report
from designer.simulate import Job, Workers, load_scenario, sweep
from designer.simulate.result import Interval
from designer.simulate.seeds import spread
from tests.simulate.arrangements import LOADS, PARSED, SERVICES, fault, ran

OUTAGE = fault("target: {provider: azure}, from: 2m, to: 6m, kind: http, status: 503")

CONFIG = "model_list:\n  - model_name: chat\n    litellm_params: {model: openai/gpt-4o}\n"


def jobs(*texts: str) -> list[Job]:
    scenarios = [load_scenario(text, "scenario.yaml", Report()) for text in texts]
    return [Job(PARSED, one, SERVICES, LOADS) for one in scenarios if one is not None]


def said(workers: Workers, seeds: int = 3) -> str:
    results = sweep(
        jobs(OUTAGE, fault("target: {model: none}, kind: down")), range(seeds), Report(), workers
    )
    return json.dumps([result.as_json() for result in results])


def test_the_number_of_workers_changes_no_byte() -> None:
    assert said(Workers(2)) == said(Workers(1)) == said(Workers(1))


@pytest.mark.slow
def test_a_dask_cluster_says_the_same_bytes() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as own:
        on_cluster = said(Workers(2, "dask", own.scheduler_address))

    assert on_cluster == said(Workers(1))


@pytest.mark.slow
def test_a_ray_cluster_says_the_same_bytes() -> None:
    """Ray is no part of the development environment: 79 MB for this one test."""
    pytest.importorskip("ray")

    assert said(Workers(2, "ray")) == said(Workers(1))


def test_one_seed_is_the_run_itself() -> None:
    (result,) = sweep(jobs(OUTAGE), [7], Report())

    assert result == ran(OUTAGE, seed=7)


def test_counts_of_several_seeds_are_added_and_figures_are_means() -> None:
    (result,) = sweep(jobs(OUTAGE), range(4), Report())
    runs = [ran(OUTAGE, seed=seed) for seed in range(4)]

    p95 = [run.total.p95_s.value for run in runs if run.total.p95_s]
    assert result.seeds == 4
    assert result.total.requests == sum(run.total.requests for run in runs)
    assert result.total.p95_s is not None
    assert result.total.p95_s.value == pytest.approx(sum(p95) / 4)
    assert result.total.p95_s.low < result.total.p95_s.value < result.total.p95_s.high


def test_findings_are_told_once_whatever_the_number_of_seeds() -> None:
    report = Report()

    sweep(jobs(fault("target: {model: none}, kind: down")), range(3), report)

    assert [finding.code for finding in report] == ["SIM631"]


def test_an_assertion_that_fails_with_one_seed_has_failed() -> None:
    runs = [ran(OUTAGE, seed=seed) for seed in range(3)]
    middle = sorted(run.total.p95_s.value for run in runs if run.total.p95_s)[1]
    bounds = f"[{{p95: '<= {middle + 1e-6:.6f}s'}}]"
    text = fault(
        "target: {provider: azure}, from: 2m, to: 6m, kind: http, status: 503", bounds=bounds
    )

    (result,) = sweep(jobs(text), range(3), Report())

    assert result.checks[0].verdict == "failed"
    assert result.checks[0].found.endswith("failed with 1 of 3 seeds")


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_the_spread_of_runs_holds_their_mean(values: list[float]) -> None:
    figure = spread([Interval(value, value, value) for value in values])

    assert figure is not None
    assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9
    assert min(values) - 1e-9 <= figure.value <= max(values) + 1e-9


def test_a_figure_that_one_run_has_not_has_no_mean() -> None:
    assert spread([Interval(1.0, 1.0, 1.0), None]) is None


def test_phases_lie_between_the_times_at_which_faults_begin_and_end() -> None:
    result = ran(OUTAGE)

    assert [(phase.from_s, phase.to_s) for phase in result.phases] == [
        (0, 120),
        (120, 360),
        (360, 600),
    ]
    assert sum(phase.total.requests for phase in result.phases) == result.total.requests
    assert set(result.phases[0].total.served_by) == {"chat/azure-se/x"}
    assert set(result.phases[1].total.served_by) == {"chat/bedrock-fra/y"}


def heed_ctrl_c() -> None:
    """Programs started in a shell's background are born deaf to it, and so are theirs."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
def test_ctrl_c_while_a_log_is_read_leaves_a_result_marked_as_partial(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("traffic: {replay: log.csv}\nfaults: []\n", "utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, "utf-8")
    os.mkfifo(tmp_path / "log.csv")  # a log that does not end while it is read
    command = ["simulate", str(config), "--scenario", str(tmp_path / "mine.yaml")]
    running = subprocess.Popen(
        [sys.executable, "-m", "designer", *command, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    with (tmp_path / "log.csv").open("w"):
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)

    assert running.returncode == 130, err
    assert "partial" in err
    assert json.loads(out) == {"schema_version": 1, "partial": True}


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_leaves_what_there_is_marked_as_partial(tmp_path: Path, workers: str) -> None:
    scenario = tmp_path / "long.yaml"
    scenario.write_text("traffic: {rate: 50/s, for: 20m}\nfaults: []\n", "utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, "utf-8")
    command = ["simulate", str(config), "--scenario", str(scenario), "--format", "json"]
    more = ["--seeds", "2000", "--workers", workers]
    running = subprocess.Popen(
        [sys.executable, "-m", "designer", *command, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    time.sleep(8.0)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 130, err
    assert "partial" in err
    assert json.loads(out)["partial"] is True
