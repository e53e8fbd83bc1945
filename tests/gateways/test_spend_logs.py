"""The reader of spend logs, on a row that the installed LiteLLM makes."""

import subprocess
from pathlib import Path

import pytest

from designer.calibrate.match import match
from designer.catalog import load_catalog
from designer.logs import Skipped, read_logs
from tests.gateways.processes import GATEWAYS

SCRIPT = Path(__file__).with_name("spend_log.py")


@pytest.mark.gateway
def test_a_row_of_the_real_litellm_is_read_and_matched(tmp_path: Path) -> None:
    python = GATEWAYS / "litellm/bin/python"
    made = subprocess.run([python, SCRIPT], capture_output=True, text=True, timeout=120, check=True)
    path = tmp_path / "spend.jsonl"
    path.write_text("".join(f"{x}\n" for x in made.stdout.splitlines() if x.startswith("{")))
    skipped = Skipped()

    rows = list(read_logs(path, skipped))

    assert skipped.count == 0
    assert [(r.route, r.provider, r.deployment) for r in rows] == [
        ("chat", "openai", "chat/openai/m")
    ]
    assert rows[0].input_tokens > 0
    assert rows[0].output_tokens > 0
    assert rows[0].cost_usd
    assert rows[0].latency_s is not None
    assert match(rows[0], load_catalog(), {}) == "openai/gpt-4o-mini@global"
    assert "how?" not in repr(rows)
