"""Compiled templates, kept where Python keeps compiled modules.

A cache that cannot be read or written is done without, as Python does without its own: the templates
are then compiled again, to the same text.
"""

import sys
from contextlib import suppress
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError

import jinja2
from jinja2.bccache import Bucket

from designer.files import replace_all


class BesideTemplates(jinja2.BytecodeCache):
    """In `__pycache__` beside each template; `PYTHONPYCACHEPREFIX` and its like hold for it too."""

    def __init__(self, compiled_by: str) -> None:
        """`compiled_by` is whatever besides its source decides what a template is compiled to."""
        self._compiled_by = f"{jinja2.__version__}\n{compiled_by}\n"

    def get_source_checksum(self, source: str) -> str:
        return sha256((self._compiled_by + source).encode()).hexdigest()

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return cache_from_source(filename or name)

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError, EOFError, UnpicklingError), Path(bucket.key).open("rb") as kept:
            bucket.load_bytecode(kept)  # which forgets what has another checksum

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            replace_all({Path(bucket.key): bucket.bytecode_to_string()})
