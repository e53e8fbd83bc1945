"""The runtime beside the real LiteLLM proxy and the real Portkey gateway, in front of one provider.

Same machine, one process each, the same two deployments in the same order. The runtime also checks a
virtual key, redacts, counts for Prometheus, and commits a ledger row before each reply; LiteLLM checks its
master key; Portkey checks nothing. A second runtime also keeps a budget and a rate limit of its key, and
looks each answer up in its exact cache, in vain: no request comes twice. Rounds are interleaved and all
are printed, since a shared machine is noisy.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks.upstream import CHUNKS
from designer.conform.installed import find
from designer.conform.processes import Running, Start, free_port, running
from designer.gateways.litellm.tables import CONTENT_FILTER, ENTITIES

ROUNDS, WARM_UP_S, SECONDS = 3, 10, 4
GATEWAYS = {"litellm": Path(".gateways/litellm"), "portkey": Path(".gateways/portkey")}
CONTENT = (
    "Please check order 4711 for me. I asked last week, and you said that it would come on Monday; "
    "today is Wednesday and nobody rang. You can write to jane.roe@example.com about it."
)
CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/m, api_base: "{base}", api_key: "os.environ/UPSTREAM_KEY", order: 1}}
    model_info: {{input_cost_per_token: 0.00000015, output_cost_per_token: 0.0000006}}
  - model_name: chat
    litellm_params: {{model: openai/n, api_base: "{base}", api_key: "os.environ/UPSTREAM_KEY", order: 2}}
    model_info: {{input_cost_per_token: 0.00000015, output_cost_per_token: 0.0000006}}
"""
MASTER_KEY = "general_settings: {master_key: os.environ/MASTER_KEY}\n"
CACHE = "litellm_settings: {cache: true, cache_params: {type: local, ttl: 600}}\n"
LIMITS = ("--budget", "1000000 USD/day", "--rpm", "1000000000")
REDACTED = ("email", "phone", "credit_card", "us_ssn", "iban")
WRK = """\
wrk.method = "POST"
wrk.body = {body}
{headers}
{changes}
done = function(summary, latency)
  local e = summary.errors
  local bad = e.status + e.connect + e.read + e.write + e.timeout
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, bad, latency:percentile(50)))
end
"""
# Another order for each request, so that none is asked twice; in letters, so that it is no telephone's number.
CHANGES = """\
local asked, body = os.time() * 1000000, wrk.body
request = function()
  asked = asked + 1
  local letters = string.format("%d", asked):gsub("%d", function(d) return string.char(97 + d) end)
  return wrk.format(nil, nil, nil, (body:gsub("4711", letters)))
end
"""


class Load(NamedTuple):
    name: str
    connections: int
    stream: bool = False


LOADS = (
    Load("1 at a time", 1),
    Load("16 at a time", 16),
    Load("64 at a time", 64),
    Load(f"{CHUNKS}-chunk streams, 16 at a time", 16, stream=True),
)


class Subject(NamedTuple):
    name: str
    url: str
    headers: Mapping[str, str]
    pid: int
    is_asked_anew: bool = False
    """No request comes twice."""


class Measured(NamedTuple):
    rate: float
    """Answers a second."""
    median_ms: float
    failed: int
    cpu_us: float
    """CPU time of the subject's process for each answer: steadier than the rate where others work too."""


def run(
    seconds: int = SECONDS, rounds: int = ROUNDS, only: str = "", soak: int = 0, load: str = ""
) -> None:
    if shutil.which("wrk") is None:
        print("skipped: wrk is not installed (Debian: apt-get install wrk)")
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="designer-bench-")))
        provider = stack.enter_context(_upstream())
        base = provider.base_url
        subjects = [Subject("provider alone", provider.base_url, {}, provider.pid)]
        subjects.append(stack.enter_context(_ours(folder / "plain", base)))
        subjects.append(stack.enter_context(_ours(folder / "full", base, is_full=True)))
        if only != "ours":
            subjects += _theirs(stack, folder, base)
        if soak:
            _soak(subjects[1], folder, soak)
            return
        for subject in subjects:
            _drive(subject, LOADS[1], folder, WARM_UP_S if rounds > 1 else 2)
        loads = [one for one in LOADS if load in one.name]
        _compare(subjects, folder, seconds, rounds, loads)
    print(f"redaction      {redaction_ms_per_kb():.2f} ms per kB of prose with personal data")


def _compare(
    subjects: list[Subject], folder: Path, seconds: int, rounds: int, loads: Sequence[Load]
) -> None:
    for load in loads:
        seen: dict[str, list[Measured]] = {subject.name: [] for subject in subjects}
        for _ in range(rounds):
            for subject in subjects:
                seen[subject.name].append(_drive(subject, load, folder, seconds))
        print(f"\n{load.name}")
        ours = statistics.median(m.rate for m in seen["runtime"])
        for name, measured in seen.items():
            rate = statistics.median(m.rate for m in measured)
            each = " ".join(f"{m.rate:,.0f}" for m in measured)
            median_ms = statistics.median(m.median_ms for m in measured)
            cpu_us = statistics.median(m.cpu_us for m in measured)
            failed = sum(m.failed for m in measured)
            print(
                f"  {name:32} {rate:8,.0f}/s  p50 {median_ms:8.2f} ms  CPU {cpu_us:7,.0f} us  runtime is {ours / rate:6.2f} ×"
                f"   rounds {each}" + (f"   {failed} FAILED" if failed else "")
            )


def _drive(subject: Subject, load: Load, folder: Path, seconds: int) -> Measured:
    body = orjson.dumps(
        {
            "model": "chat",
            "max_tokens": 256,  # a budget is kept where the most that an answer can cost is known
            "messages": [{"role": "user", "content": CONTENT}],
            **({"stream": True} if load.stream else {}),
        }
    ).decode()
    headers = {"content-type": "application/json", **subject.headers}
    script = folder / "load.lua"
    script.write_text(
        WRK.format(
            body=_lua(body),
            headers="\n".join(
                f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in headers.items()
            ),
            changes=CHANGES if subject.is_asked_anew else "",
        )
    )
    url = f"{subject.url}/v1/chat/completions"
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "30s"]
    before = _cpu_s_of(subject.pid)
    said = subprocess.run(
        [*command, "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", said)
    assert found is not None, said
    requests, micros, failed, median_us = map(int, found.groups())
    used = _cpu_s_of(subject.pid) - before
    return Measured(requests / micros * 1e6, median_us / 1000, failed, used / requests * 1e6)


def _cpu_s_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _lua(text: str) -> str:
    return orjson.dumps(text).decode()  # whose escapes Lua reads alike


# --- What is measured -----------------------------------------------------------------------------


@contextlib.contextmanager
def _upstream() -> Iterator[Running]:
    port = free_port()
    command = (sys.executable, "-m", "benchmarks.upstream", str(port))
    with running(Start("provider", command, port, "/", _here(), within_s=30)) as up:
        yield up


@contextlib.contextmanager
def _ours(folder: Path, base: str, is_full: bool = False) -> Iterator[Subject]:
    config, state = folder / "runtime" / "config.yaml", folder / "state.sqlite"
    config.parent.mkdir(parents=True)
    cache, limits = (CACHE, LIMITS) if is_full else ("", ())
    config.write_text(CONFIG.format(base=f"{base}/v1") + cache + _redaction())
    minting = (sys.executable, "-m", "designer", "keys", "mint", "bench", "--state", str(state))
    mint = [*minting, *limits]
    key = subprocess.run(mint, capture_output=True, text=True, check=True).stdout.split()[0]
    port = free_port()
    command = (sys.executable, "-m", "designer", "serve", str(config), "--port", str(port))
    start = Start(
        "runtime",
        (*command, "--state", str(state)),
        port,
        "/healthz",
        env={**_here(), "UPSTREAM_KEY": "k"},
    )
    with running(start) as up:
        name = "runtime, limits, cache, metrics" if is_full else "runtime"
        yield Subject(name, up.base_url, {"authorization": f"Bearer {key}"}, up.pid, is_full)


def _redaction() -> str:
    patterns = [p | {"action": "MASK"} for entity in REDACTED for p in ENTITIES[entity]]
    params = {"guardrail": CONTENT_FILTER, "mode": ["pre_call"], "default_on": True}
    rail = {"guardrail_name": "pii", "litellm_params": params | {"patterns": patterns}}
    return f"guardrails: {orjson.dumps([rail]).decode()}\n"


def _theirs(stack: contextlib.ExitStack, folder: Path, base: str) -> Iterator[Subject]:
    for name, where in GATEWAYS.items():
        if not where.exists():
            print(f"{name} is left out: `make gateways` installs it")
            continue
        start = _litellm(where, folder, base) if name == "litellm" else _portkey(where)
        up: Running = stack.enter_context(running(start))
        headers = {"authorization": "Bearer sk-master"}
        if name == "portkey":
            headers = {"x-portkey-config": _portkey_config(base)}
        yield Subject(name, up.base_url, headers, up.pid)


def _litellm(where: Path, folder: Path, base: str) -> Start:
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(base=f"{base}/v1") + MASTER_KEY)
    port = free_port()
    arguments = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    env = {"UPSTREAM_KEY": "k", "MASTER_KEY": "sk-master", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return Start("LiteLLM", find(where).program + arguments, port, "/health/liveliness", env=env)


def _portkey(where: Path) -> Start:
    port = free_port()
    command = (*find(where).program, f"--port={port}", "--headless")
    return Start("Portkey", command, port, "/", env={"NODE_ENV": "production"})


def _portkey_config(base: str) -> str:
    def target(model: str) -> dict[str, object]:
        shared = {"provider": "openai", "api_key": "k", "custom_host": f"{base}/v1"}
        return {**shared, "override_params": {"model": model}}

    return orjson.dumps(
        {"strategy": {"mode": "fallback"}, "targets": [target("m"), target("n")]}
    ).decode()


def _here() -> dict[str, str]:
    return {"PYTHONPATH": str(Path.cwd())}


# --- Other figures --------------------------------------------------------------------------------


def _soak(ours: Subject, folder: Path, requests: int) -> None:
    """Memory over many requests: it must not grow with them."""
    _drive(ours, LOADS[1], folder, WARM_UP_S)
    done, began = 0.0, time.monotonic()
    print(f"after the warm-up   {_resident_mb(ours.pid):6.1f} MB")
    while done < requests:
        measured = _drive(ours, LOADS[2], folder, 10)
        done += measured.rate * 10
        took_s = time.monotonic() - began
        print(
            f"after {done:9,.0f}   {_resident_mb(ours.pid):6.1f} MB   {took_s:5.0f} s", flush=True
        )


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def redaction_ms_per_kb() -> float:
    from runtime.redact import redact_request

    body = {"messages": [{"role": "user", "content": CONTENT * 20}]}
    size_kb = len(orjson.dumps(body)) / 1000
    best = min(_cpu_s(lambda: redact_request(body)) for _ in range(20))
    return best * 1000 / size_kb


def _cpu_s(act: object) -> float:
    assert callable(act)
    start = time.process_time()
    act()
    return time.process_time() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=["", "ours"], default="")
    parser.add_argument("--soak", type=int, default=0, help="requests, instead of the comparison")
    parser.add_argument("--load", default="", help="only loads with this in their name: streams")
    chosen = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} at start")
    run(chosen.seconds, chosen.rounds, chosen.only, chosen.soak, chosen.load)
