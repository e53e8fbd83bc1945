"""A million log rows through the command: how long, how much memory, and whether the log's costs come out.

One log is LiteLLM's, of two routes with all that its rows say beside the request; the other a table of
times and tokens. The configuration is the one that the log is of. `python -m benchmarks.replay [ROWS]`.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 1_000_000
RATE_PER_S = 20.0
USD_PER_MTOK = {"chat": (2.5, 10.0), "fast": (0.15, 0.6)}
REPLAYS = "version: 1\nname: replay\ntraffic: {{replay: {log}}}\nfaults: []\n"


def run(rows: int = ROWS) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config.yaml").write_text(config(), "utf-8")
        for log, lines in (("spend.jsonl", _spend(rows)), ("tokens.csv", _tokens(rows))):
            with (folder / log).open("w", encoding="utf-8") as file:
                file.writelines(lines)
            print(f"{rows:9,} rows of {log:11}  {_replayed(folder, log)}")
            (folder / log).unlink()


def config() -> str:
    """Each route has a first deployment and another to fall back to."""
    lines = ["model_list:"]
    for route, (input_usd, output_usd) in USD_PER_MTOK.items():
        prices = f"input_cost_per_token: {input_usd}e-6, output_cost_per_token: {output_usd}e-6"
        for order in (1, 2):
            params = f"{{model: openai/{route}, api_key: os.environ/KEY, order: {order}, {prices}}}"
            lines.append(f"  - {{model_name: {route}, litellm_params: {params}}}")
    return "\n".join(lines) + "\n"


def _replayed(folder: Path, log: str) -> str:
    scenario = folder / "scenario.yaml"
    scenario.write_text(REPLAYS.format(log=log), "utf-8")
    command = ["simulate", str(folder / "config.yaml"), "--scenario", str(scenario)]
    began_s = time.perf_counter()
    running = subprocess.Popen(
        [sys.executable, "-m", "designer", *command, "--format", "json"], stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    said = json.loads(running.stdout.read())
    _, status, used = os.wait4(running.pid, 0)
    assert status == 0
    recorded, simulated = said["recorded_usd"], said["total"]["cost_usd"]
    costs = f"{simulated:.2f} USD" + ("" if recorded is None else f", logged {recorded:.2f} USD")
    seconds, megabytes = time.perf_counter() - began_s, used.ru_maxrss / 1024
    return f"{seconds:6.1f} s  {megabytes:4.0f} MB  {costs}"


def _requests(rows: int) -> Iterator[tuple[datetime, str, int, int]]:
    """Poisson arrivals; lengths spread as those of a conversation."""
    chance, at = random.Random(1), datetime(2026, 11, 1, tzinfo=UTC)
    for _ in range(rows):
        at += timedelta(seconds=chance.expovariate(RATE_PER_S))
        route = "chat" if chance.random() < 0.4 else "fast"
        yield at, route, int(chance.lognormvariate(6.5, 1)), int(chance.lognormvariate(5, 1))


def _spend(rows: int) -> Iterator[str]:
    for number, (at, route, into, out) in enumerate(_requests(rows)):
        input_usd, output_usd = USD_PER_MTOK[route]
        ended = at + timedelta(seconds=0.5 + out / 60)
        used = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
        entry = {
            **used,
            "request_id": f"chatcmpl-{number}",
            "call_type": "acompletion",
            "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
            "spend": (into * input_usd + out * output_usd) / 1e6,
            "startTime": at.isoformat(),
            "endTime": ended.isoformat(),
            "completionStartTime": ended.isoformat(),
            "model": f"openai/{route}",
            "model_id": f"{route}#1",
            "model_group": route,
            "custom_llm_provider": "openai",
            "api_base": "https://api.openai.com",
            "metadata": {
                "status": "success",
                "user_api_key_team_alias": "web",
                "usage_object": used,
                "attempted_retries": 0,
            },
            "cache_hit": "False",
            "request_tags": [],
            "team_id": "0b9e",
            "status": "success",
            "messages": {},
            "response": {},
        }
        yield json.dumps(entry) + "\n"


def _tokens(rows: int) -> Iterator[str]:
    yield "time,input_tokens,output_tokens\n"
    for at, _, into, out in _requests(rows):
        yield f"{at.isoformat()},{into},{out}\n"


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
