"""How long the readers of logs take for a million requests. `python -m benchmarks.logs [ROWS]`."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from designer.logs import Skipped, read_logs

_SPEND = (
    '{"request_id":"r-%d","call_type":"acompletion","api_key":"88dc28d0f030c55ed4ab77ed8faf098196cb1c",'
    '"spend":0.0021,"total_tokens":1500,"prompt_tokens":1200,"completion_tokens":300,'
    '"startTime":"2026-11-01T10:00:00.000000Z","endTime":"2026-11-01T10:00:04.000000Z",'
    '"completionStartTime":"2026-11-01T10:00:00.500000Z","model":"gpt-5.4-mini","model_id":"x",'
    '"model_group":"chat","custom_llm_provider":"openai","cache_hit":"False","status":"success",'
    '"messages":{},"response":{},"metadata":{"status":"success","user_api_key_alias":"web",'
    '"usage_object":{"prompt_tokens_details":{"cached_tokens":400}},"attempted_retries":0}}\n'
)


def _span(number: int) -> str:
    said = {
        "gen_ai.operation.name": {"stringValue": "chat"},
        "gen_ai.provider.name": {"stringValue": "openai"},
        "gen_ai.request.model": {"stringValue": "gpt-5.4-mini"},
        "gen_ai.usage.input_tokens": {"intValue": "1200"},
        "gen_ai.usage.output_tokens": {"intValue": str(number)},
    }
    attributes = [{"key": key, "value": value} for key, value in said.items()]
    times = {"startTimeUnixNano": "1793527200000000000", "endTimeUnixNano": "1793527204000000000"}
    spans = [{"name": "chat", **times, "attributes": attributes}]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n"


def _files(folder: Path, rows: int) -> Iterator[tuple[str, Path]]:
    spend, spans, tokens = (folder / name for name in ("spend.jsonl", "spans.jsonl", "tokens.csv"))
    with spend.open("w") as file:
        file.writelines(_SPEND % number for number in range(rows))
    yield "LiteLLM's spend logs", spend
    with spans.open("w") as file:
        file.writelines(_span(number) for number in range(rows))
    yield "OpenTelemetry's spans", spans
    with tokens.open("w") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        file.writelines(f"2026-11-01 10:00:00.0000000,{n},44\n" for n in range(rows))
    yield "a table of tokens", tokens


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, path in _files(Path(folder), rows):
            started = time.perf_counter()
            read = sum(1 for _ in read_logs(path, Skipped()))
            print(f"{name}: {read:,} rows in {time.perf_counter() - started:.1f} s")
            path.unlink()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
