"""Files whose mistakes are marked in the text: `# planted: LNT201 LNT203` on the line of the finding."""

import re
from pathlib import Path

_MARK = re.compile(r"# planted: ([A-Z0-9 ]+)$")


def planted(path: Path) -> set[tuple[int, str]]:
    """Line and code of each."""
    lines = path.read_text("utf-8").splitlines()
    marks = ((number, _MARK.search(line)) for number, line in enumerate(lines, start=1))
    return {(number, code) for number, mark in marks if mark for code in mark[1].split()}
