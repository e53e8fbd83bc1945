"""The snippets of an emitted CLIENT.md, and running one as an application team would."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct


class Snippet(Struct, frozen=True):
    language: str
    code: str

    @property
    def asks_messages(self) -> bool:
        """Of Anthropic's API, which not everything that serves OpenAI's has."""
        return "from anthropic" in self.code


def snippets(page: str) -> list[Snippet]:
    found = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", page)
    return [Snippet(language, code) for language, code in found]


def run(snippet: Snippet, folder: Path, env: Mapping[str, str]) -> str:
    """What it prints; run in the folder of the gateway's files, with nothing else in its environment."""
    programs = {"python": [sys.executable, "-c"], "sh": ["sh", "-eu", "-c"]}
    done = subprocess.run(
        [*programs[snippet.language], snippet.code],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (done.returncode, done.stderr) == (0, ""), snippet.code
    return done.stdout.strip()
