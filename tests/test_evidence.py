"""`designer evidence`: what an auditor finds inside, the same bytes each time, and no secret."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from designer.catalog.model import FACT_KEYS
from designer.cli import run

PROFILE = """\
version: 1
name: small
gateway: litellm
workloads:
  - {alias: chat, task: chat, quality: fast}
  - {alias: search, task: embed}
compliance: {residency: [eu], frameworks: [gdpr], retention: zero, training: forbid}
operations: {hosting: self, sre_team: true}
providers:
  - name: azure
    as: az
    regions: [swedencentral]
    deployment_type: datazone
    api_base: "https://x.openai.azure.com"
    secret: AZ_KEY
    agreements: [{is: zero_retention, ref: MAM-1, until: 2027-06-30}, {is: dpa, ref: DPA-1}]
  - {name: bedrock, as: bed, regions: [eu-central-1], secret: BED_KEY}
"""
Table = list[dict[str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("profile.yaml").write_text(PROFILE, "utf-8")
    assert run(["plan", "profile.yaml"]) == 0
    return Path("out/small")


def _members(*options: str) -> dict[str, str]:
    assert run(["evidence", "out/small", "-o", "evidence.zip", *options]) == 0
    with zipfile.ZipFile("evidence.zip") as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def _table(members: dict[str, str], name: str) -> Table:
    return list(csv.DictReader(io.StringIO(members[f"{name}.csv"], newline="")))


def test_every_path_has_every_fact_and_a_verdict_on_every_requirement(folder: Path) -> None:
    members = _members()

    paths = {(row["route"], row["deployment"]) for row in _table(members, "paths")}
    facts = _table(members, "facts")
    assert len(paths) >= 3
    assert {(r["route"], r["deployment"], r["fact"]) for r in facts} == {
        (*path, key) for path in paths for key in FACT_KEYS
    }
    asked = {(r["route"], r["deployment"]) for r in _table(members, "verdicts")}
    assert asked == paths


def test_a_required_fact_says_its_source_expiry_and_agreement(folder: Path) -> None:
    facts = _table(_members(), "facts")

    own = next(
        row
        for row in facts
        if row["deployment"].startswith("chat/az/") and row["fact"] == "zero_retention"
    )
    assert own["required"] == "yes"
    assert (own["agreement"], own["agreement_until"]) == ("MAM-1", "2027-06-30")
    assert own["source"]
    assert own["observed_on"] < own["expires_on"]


def test_what_is_obtainable_and_not_signed_is_to_be_obtained(folder: Path) -> None:
    verdicts = _table(_members(), "verdicts")

    retention = {
        (row["deployment"].split("/")[1], row["verdict"])
        for row in verdicts
        if row["key"] == "compliance.retention"
    }
    assert retention == {("az", "holds"), ("bed", "obtain")}


def test_after_its_expiry_no_fact_holds(folder: Path) -> None:
    members = _members("--as-of", "2031-01-01")

    assert {row["value"] for row in _table(members, "facts")} == {"unknown"}
    retention = [row for row in _table(members, "verdicts") if row["key"] == "compliance.retention"]
    assert {row["verdict"] for row in retention} == {"fails"}


def test_a_deployment_that_is_not_the_plans_is_inconclusive(folder: Path) -> None:
    config = folder / "litellm" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("x.openai.azure", "y.openai.azure"))

    members = _members()

    doubts = [row for row in _table(members, "verdicts") if row["verdict"] == "inconclusive"]
    assert {row["deployment"].split("/")[1] for row in doubts} == {"az"}
    told = [row["what"] for row in _table(members, "inconclusive")]
    assert any(what.startswith("chat: chat/az/") for what in told)
    files = {row["path"]: row["verdict"] for row in _table(members, "files")}
    assert files["litellm/config.yaml"] == "changed by hand"
    assert files["REPORT.md"] == "as written"


def test_missing_and_foreign_files_are_named(folder: Path) -> None:
    (folder / "REPORT.md").unlink()
    (folder / "more.txt").write_text("mine", "utf-8")

    files = {row["path"]: row["verdict"] for row in _table(_members(), "files")}

    assert files["REPORT.md"] == "missing"
    assert files["more.txt"] == "not written by plan"


def test_the_losses_are_those_of_every_gateway_and_the_chosen_one_is_marked(folder: Path) -> None:
    losses = _table(_members(), "losses")

    assert {row["gateway"] for row in losses if row["chosen"] == "yes"} == {"litellm"}
    assert {row["gateway"] for row in losses} >= {"litellm", "portkey-oss", "portkey-cloud"}
    assert all(row["instead"] and row["source"] for row in losses)


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    _members()
    first = Path("evidence.zip").read_bytes()
    _members()

    assert Path("evidence.zip").read_bytes() == first


def test_the_tables_are_the_same_in_json_and_their_sums_are_inside(folder: Path) -> None:
    import hashlib

    members = _members()

    content = json.loads(members["evidence.json"])
    for name in members:
        if name.endswith(".csv") and "'" not in members[name]:
            assert content[name.removesuffix(".csv")] == _table(members, name.removesuffix(".csv"))
    sums = dict(line.split("  ")[::-1] for line in members.pop("SHA256SUMS").splitlines())
    assert sums == {n: hashlib.sha256(t.encode()).hexdigest() for n, t in members.items()}


CANARIES = (
    "sk-canary0123456789abcdefghij",
    "plainCanaryValueWithoutAnyPrefix",
    "p4ssCanaryInAnAddress",
    'quote"Canary\\with-escapes',
)


def test_no_secret_planted_in_the_folder_comes_out(folder: Path) -> None:
    config = folder / "litellm" / "config.yaml"
    text = config.read_text("utf-8")
    reference = "os.environ/AZ_KEY"
    assert reference in text
    text = text.replace(reference, CANARIES[0], 1)
    text += f"\nenvironment_variables: {{AZ_PASSWORD: {CANARIES[1]}}}\n"
    text = text.replace("https://x.openai", f"https://user:{CANARIES[2]}@x.openai", 1)
    text = text.replace("general_settings:", f"general_settings:\n  salt_key: '{CANARIES[3]}'", 1)
    config.write_text(text, "utf-8")
    plan = folder / "plan.json"
    content = json.loads(plan.read_text("utf-8"))
    content["findings"][0]["message"] += " ".join(CANARIES)
    content["findings"][0]["instead"] += f" https://u:{CANARIES[2]}@host/"
    plan.write_text(json.dumps(content), "utf-8")

    everything = "\n".join(_members().values())

    for canary in CANARIES:
        assert canary not in everything
        assert json.dumps(canary)[1:-1] not in everything


def test_a_cell_that_begins_like_a_formula_is_made_inert(folder: Path) -> None:
    plan = folder / "plan.json"
    content = json.loads(plan.read_text("utf-8"))
    content["findings"][0]["message"] = "=HYPERLINK(0)"
    plan.write_text(json.dumps(content), "utf-8")

    assert "'=HYPERLINK(0)" in [row["message"] for row in _table(_members(), "findings")]


def test_a_folder_that_plan_has_not_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()

    assert run(["evidence", "mine", "-o", "e.zip"]) == 2
    assert "evidence is about a folder that plan has written" in capsys.readouterr().err
    (tmp_path / "mine" / "plan.json").write_text("{}", "utf-8")
    assert run(["evidence", "mine", "-o", "e.zip"]) == 2
    assert not Path("e.zip").exists()
