"""REPORT.md alone answers what a team asks before it deploys: each answer found again from the other files."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from designer.cli import cli

ROOT = Path(__file__).parents[1]
NAMES = ("eu-support", "prototype", "regulated", "batch", "multi-region")

REFERENCES = {
    ".yaml": r"os\.environ/(\w+)",
    ".json": r'"(?:\$\{|env:)(\w+)\}?"|"provider": "(@[\w-]+)"|"api_key": "\$\{var\.(\w+)\}"',
    ".py": r'env\.get\("(\w+)"\)',
}
"""How a variable without a default, or something that the vendor holds, is named in an emitted file."""


@pytest.fixture(scope="module", params=NAMES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    profile = tmp_path_factory.mktemp("profile") / f"{request.param}.yaml"
    profile.write_text((ROOT / "examples" / f"{request.param}.yaml").read_text("utf-8"), "utf-8")
    out = profile.parent / "out"
    said = CliRunner().invoke(cli, ["plan", str(profile), "-o", str(out)])
    assert said.exit_code == 0, said.output
    return out


def section(folder: Path, heading: str) -> str:
    report = (folder / "REPORT.md").read_text("utf-8")
    found = re.search(rf"(?ms)^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", report)
    assert found, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines[2:]]


def plan_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "plan.json").read_text("utf-8"))
    return found


def chosen(folder: Path) -> dict[str, Any]:
    plan = plan_of(folder)
    token = plan["gateway"].partition("@")[0]
    return next(v for v in plan["decision"]["gateway"] if v["gateway"] == token)


def test_which_secrets_must_exist(folder: Path) -> None:
    listed = re.findall(r"(?m)^- `([^`]+)`: .+$", section(folder, "Before it goes live"))

    assert sorted(listed) == sorted(set(_referred_to(folder)))


def _referred_to(folder: Path) -> Iterator[str]:
    for path in folder.glob("*/**/*"):
        pattern = REFERENCES.get(path.suffix)
        for found in re.finditer(pattern, path.read_text("utf-8")) if pattern else ():
            name = next(group for group in found.groups() if group)
            yield f"TF_VAR_{name}" if "var." in found[0] else name


def test_which_agreements_are_still_to_be_obtained(folder: Path) -> None:
    said = re.findall(r"(?m)^- Obtain: (.+)$", section(folder, "Before it goes live"))

    decision = plan_of(folder)["decision"]
    of_chains = {what for chain in decision["chains"].values() for what in chain["obtain"]}
    assert said == decision["obtain"]
    assert of_chains <= set(said)


@pytest.mark.parametrize(
    ("column", "outcome"), [(2, {"status": 503}), (3, {"kind": "timeout"})], ids=["503", "silent"]
)
def test_what_happens_when_the_primary_dies(
    folder: Path, column: int, outcome: dict[str, Any]
) -> None:
    table = rows(section(folder, "When the primary dies"))

    assert [row[0].strip("`") for row in table] == [
        workload["alias"] for workload in plan_of(folder)["profile"]["workloads"]
    ]
    for row in table:
        alias, first = row[0].strip("`"), row[1].strip("`")
        assert _trace(folder, alias, {})["attempts"][0]["deployment"] == first
        traced = _trace(folder, alias, {first: [outcome]})
        final = traced["final"]
        who = f"`{final['served_by']}` answers" if final["served_by"] else f"{final['status']}"
        assert who in row[column]
        assert f"after {final['at_s']:.1f} s" in row[column]
        tries = sum(tried["deployment"] == first for tried in traced["attempts"])
        assert f": {tries} tr" in row[column]


def _trace(folder: Path, alias: str, outcomes: dict[str, Any]) -> dict[str, Any]:
    asked = ["trace", str(folder), "--route", alias, "--outcomes", "-", "--format", "json"]
    embeds = any(
        workload["alias"] == alias and workload["task"] == "embed"
        for workload in plan_of(folder)["profile"]["workloads"]
    )
    request = {"path": "/v1/embeddings"} if embeds else {}
    script = json.dumps({"request": request, "outcomes": outcomes})
    said = CliRunner().invoke(cli, asked, input=script)
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_what_it_costs_a_month_and_how_sure_that_is(folder: Path) -> None:
    for alias, forecast in plan_of(folder)["forecast"].items():
        table = {row[0]: row[1:] for row in rows(section(folder, alias))}
        figure = forecast["usd_per_month"]
        interval, source = table[f"cost ({figure['grade']})"]
        low, _, high = interval.removesuffix(" USD/month").replace(",", "").partition("–")

        assert float(low) == pytest.approx(figure["low"], rel=0.05)
        assert float(high or low) == pytest.approx(figure["high"], rel=0.05)
        assert source == figure["source"]


def test_what_all_of_it_costs_together(folder: Path) -> None:
    forecasts = plan_of(folder)["forecast"].values()
    fixed = {f["account"]: f["usd_per_month"] for one in forecasts for f in one["fixed"]}
    ends = [
        sum(one["usd_per_month"][end] for one in forecasts if one["usd_per_month"])
        + sum(fixed.values())
        for end in ("low", "high")
    ]

    assert "**{:,.0f}–{:,.0f} USD a month**".format(*ends) in section(folder, "What it costs")


def test_what_the_gateway_cannot_do_that_the_profile_asks_for(folder: Path) -> None:
    told = [(row[0], row[2]) for row in rows(section(folder, "What is lost"))]

    losses = chosen(folder)["losses"]
    assert told == [(loss["feature"], ", ".join(loss["at"])) for loss in losses]
    lost = section(folder, "What is lost")
    assert all(loss["instead"].replace("|", "\\|") in lost for loss in losses)
