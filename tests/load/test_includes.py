"""Included files are merged as the installed LiteLLM merges them: the same files, the same content."""

import json
import posixpath
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from designer.diagnostics import Report
from designer.load import load_config

PYTHON = Path(__file__).parents[2] / ".gateways/litellm/bin/python"
FILES = ("config.json", "a.json", "sub/b.json", "sub/a.json")
NAMES = ("a.json", "b.json", "sub/b.json", "../a.json", "config.json")

_MERGE = """
import asyncio, json, sys
from litellm.proxy.common_utils.config_includes import resolve_include_file_path, resolve_includes

async def merged(path):
    async def read(location):
        with open(location) as file:
            return json.load(file)
    def resolve(entry, declared_in):
        return resolve_include_file_path(entry, declared_in, path)
    return await resolve_includes(config=await read(path), location=path, resolve=resolve, read=read)

print(json.dumps([asyncio.run(merged(path)) for path in json.load(sys.stdin)]))
"""


def _value(chance: Random, label: str) -> Any:
    listed = [label] * chance.randrange(3)
    return chance.choice([listed, {label: 1}, label, listed])


def _files(chance: Random, folder: Path) -> None:
    """A tree of files that all exist, wherever an entry is looked for."""
    for name in FILES:
        reachable = [n for n in NAMES if _exists(name, n)]
        content = {key: _value(chance, name) for key in ("guardrails", "policies", "prompts")}
        content = dict(chance.sample(list(content.items()), k=chance.randrange(4)))
        content["include"] = chance.sample(reachable, k=chance.randrange(len(reachable) + 1))
        if name == "config.json" or chance.random() < 0.5:
            content["model_list"] = [
                {"model_name": name, "litellm_params": {"model": f"openai/{name}"}}
            ]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))


def _exists(declared_in: str, entry: str) -> bool:
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(declared_in), entry))
    return beside in FILES or entry in FILES


@pytest.mark.gateway
def test_random_trees_of_includes_are_merged_as_litellm_does(tmp_path: Path) -> None:
    chance = Random(11)
    folders = [tmp_path / str(number) for number in range(200)]
    for folder in folders:
        _files(chance, folder)
    paths = [str(folder / "config.json") for folder in folders]

    done = subprocess.run(
        [PYTHON, "-c", _MERGE], input=json.dumps(paths), capture_output=True, text=True, check=True
    )

    for path, expected in zip(paths, json.loads(done.stdout), strict=True):
        report = Report()
        config = load_config(path, report)
        assert config is not None, [str(finding) for finding in report]
        (document,) = config.parsed.documents
        assert document.value == expected, path
        assert not report.has_errors
