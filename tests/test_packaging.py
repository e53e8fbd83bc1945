"""The project as others install it: a wheel built from the sdist, in an environment of its own."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def _run(*command: str | Path, cwd: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, env=clean
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pip builds the wheel in isolation from the sdist, so what the sdist lacks is missed here."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    assert list(folder.glob("*.tar.gz"))
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_program_reads(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    for needed in (
        "designer/_resources/templates/litellm/",
        "designer/_resources/schemas/profile.schema.json",
        "designer/_resources/examples/eu-support.yaml",
        "designer/catalog/data/catalog.json",
        "designer/py.typed",
        "runtime/app.py",
    ):
        assert any(name.startswith(needed) for name in names), needed
    assert not any(name.startswith(("tests/", "templates/", "schemas/")) for name in names)


def test_an_installed_wheel_plans_simulates_and_shows_its_demo(wheel: Path, tmp_path: Path) -> None:
    _run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    bin_ = tmp_path / "venv" / "bin"
    _run(bin_ / "pip", "install", "-q", f"{wheel}[runtime,demo]", cwd=tmp_path)

    _run(bin_ / "designer", "init", "profile.yaml", cwd=tmp_path)
    _run(bin_ / "gateway-designer", "plan", "profile.yaml", "-o", "out", cwd=tmp_path)
    simulated = _run(
        bin_ / "designer", "simulate", "out", "--scenario", "provider-outage", cwd=tmp_path
    )
    shown = _run(bin_ / "designer", "demo", cwd=tmp_path)

    assert "availability" in simulated
    assert shown.count(" ok") == 3


def test_there_is_no_python_below_the_resource_folders() -> None:
    """An editable install cannot rewrite folders that hold Python files."""
    for folder in ("templates", "schemas", "examples"):
        assert not list((ROOT / folder).rglob("*.py"))
