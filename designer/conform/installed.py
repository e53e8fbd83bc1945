"""Which gateway a path leads to, of which version, and how it is started."""

import json
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from designer.errors import UsageError

_ANSWERS_WITHIN_S = 60.0


class Installed(Struct, frozen=True):
    gateway: str
    """Its token without a version: `litellm`, `portkey-oss`."""
    version: str
    program: tuple[str, ...]
    table: str
    """The version of the semantics that stands for it."""
    notes: tuple[str, ...] = ()
    """What distinguishes this installation."""


def find(path: Path) -> Installed:
    """By the program, or a folder that it is installed in. Raises UsageError for anything else."""
    if not path.exists():
        raise UsageError(f"there is no {path}")
    path = path.absolute()  # the gateway is started elsewhere
    if path.is_file():
        return _portkey(path) if path.suffix == ".js" else _litellm(path)
    for inside in ("bin/litellm", "litellm"):
        if (path / inside).is_file():
            return _litellm(path / inside)
    for inside in (
        "node_modules/@portkey-ai/gateway/build/start-server.js",
        "build/start-server.js",
    ):
        if (path / inside).is_file():
            return _portkey(path / inside)
    raise UsageError(
        f"{path} is neither a LiteLLM program (bin/litellm) nor a Portkey gateway "
        "(build/start-server.js), nor a folder with one"
    )


def _litellm(program: Path) -> Installed:
    python = program.parent / "python"
    # The script is given to its interpreter, so that a virtual environment may be moved.
    command = (str(python), str(program)) if python.exists() else (str(program),)
    ask = "import importlib.metadata as m; print(m.version('litellm'))"
    call = [str(python), "-c", ask] if python.exists() else [str(program), "--version"]
    said = _output(call).strip()
    version = said.split()[-1] if said else ""
    return Installed("litellm", version, command, ".".join(version.split(".")[:2]))


def _portkey(server: Path) -> Installed:
    package = server.parents[1]
    version = _version(package)
    modules = next((p for p in server.parents if (p / "node_modules").is_dir()), package)
    modules = modules / "node_modules"
    hono = _version(modules / "@hono/node-server")
    retry = modules / "async-retry/lib/index.js"
    # The official image patches this module; without the patch Retry-After is not read.
    is_patched = retry.is_file() and "retryafter" in retry.read_text("utf-8").lower()
    node = next((str(p) for p in (modules.parent / "bin/node",) if p.exists()), None)
    node = node or shutil.which("node")
    if node is None:
        raise UsageError("Portkey needs node, and there is none on the PATH")
    short = ".".join(version.split(".")[:2])
    return Installed(
        "portkey-oss",
        version,
        (node, str(server)),
        short if is_patched else f"{short}-npm",
        (f"@hono/node-server {hono}", f"async-retry {'patched' if is_patched else 'as published'}"),
    )


def _version(package: Path) -> str:
    try:
        return str(json.loads((package / "package.json").read_text("utf-8")).get("version", ""))
    except (OSError, ValueError):
        return ""


def _output(command: list[str]) -> str:
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=_ANSWERS_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"cannot run {command[0]}: {error}") from error
    if run.returncode:
        raise UsageError(f"{' '.join(command)} failed: {run.stderr.strip()[-300:]}")
    return run.stdout
