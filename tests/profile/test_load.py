"""Reading profiles: nothing a user writes raises, and every value knows where it stands."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from designer.diagnostics import Report
from designer.profile.keys import fields_of, inner, keys
from designer.profile.load import LoadedProfile, load_profile
from designer.profile.model import Profile, Section
from designer.profile.policy import loosenings, policy_of
from designer.profile.rules import RULES
from designer.profile.secrets import looks_secret, shown
from designer.profile.starter import starter_profile
from designer.profile.tree import MAX_DEPTH, plain, read_tree

FULL = Path(__file__).parent / "cases" / "full" / "profile.yaml"
FULL_TEXT = FULL.read_text(encoding="utf-8")
yaml_like = st.lists(
    st.sampled_from(
        ["a", "workloads", "alias", "task", "chat", "version", ":", ": ", "- ", "[", "]", "{", "}"]
        + [",", "\n", "\n  ", "&a", "*a", "<<", "!x", "'", '"', "|", ">", "#", "1", "~", "%", "\t"]
    ),
    max_size=40,
).map("".join)


def loads(text: str) -> LoadedProfile:
    report = Report()
    loaded = load_profile("-", text, report=report)
    assert loaded, [str(found) for found in report]
    return loaded


def findings(text: str) -> list[str]:
    report = Report()
    load_profile("-", text, report=report)
    return [f"{found.code} {found.place.line}:{found.place.column}" for found in report]


def small(more: str = "", workload: str = "") -> str:
    return f"version: 1\nname: x\nworkloads: [{{alias: a, task: chat{workload}}}]\n{more}"


@given(st.text() | yaml_like)
@settings(deadline=None)
def test_any_text_is_a_profile_or_has_findings(text: str) -> None:
    report = Report()

    loaded = load_profile("-", text, report=report)

    assert (loaded is None) == report.has_errors
    assert all(found.place.file == "-" for found in report)


@given(st.integers(0, 2**32), st.sampled_from(["cut", "swap", "drop", "insert"]))
def test_a_damaged_profile_is_a_profile_or_has_findings(seed: int, how: str) -> None:
    text = _damaged(FULL_TEXT, random.Random(seed), how)
    report = Report()

    loaded = load_profile("-", text, report=report)

    assert (loaded is None) == report.has_errors


@given(st.binary(max_size=200))
def test_any_bytes_are_a_profile_or_have_findings(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("bytes") / "profile.yaml"
    file.write_bytes(content)
    report = Report()

    assert load_profile(file, report=report) is None
    assert report.has_errors


def test_each_value_stands_where_the_file_says() -> None:
    loaded = loads(FULL_TEXT)
    lines = FULL_TEXT.splitlines()

    for path, place in loaded.positions.values.items():
        if path.endswith((".alias", ".ttft_p95", ".secret")):
            value = lines[place.line - 1][place.column - 1 :]
            node = re.match(r"[\w.-]+", value)
            assert node, (path, value)
            assert f"{path.rpartition('.')[2]}: {node[0]}" in lines[place.line - 1]
    assert loaded.positions.place("workloads[0].latency.ttft_p95").path.endswith("ttft_p95")


def test_what_is_not_written_stands_at_what_encloses_it() -> None:
    positions = loads(small()).positions

    assert positions.place("routing.timeout").line == 1
    assert positions.place("workloads[0].latency.ttft_p95").column == 13
    assert "routing" not in positions


def test_keys_that_are_written_stay_known() -> None:
    profile = loads(small("routing: {retries: 2}\n")).profile

    assert profile.routing.model_fields_set == {"retries"}
    assert profile.model_fields_set == {"version", "name", "workloads", "routing"}


def test_deep_nesting_is_refused_and_does_not_end_the_process() -> None:
    for text in ("[" * 100_000, "- " * 100_000, "a: " * 3 + "{a: " * (MAX_DEPTH + 5)):
        assert findings(text)


def test_a_large_file_is_refused_before_it_is_read() -> None:
    assert findings("a: 1\n" * 300_000) == ["PRF003 0:0"]


def test_many_mistakes_are_counted_rather_than_listed() -> None:
    found = findings(small("".join(f"key{n}: 1\n" for n in range(1000))))

    assert len(found) == 201
    assert found[0].startswith("PRF016")


def test_a_missing_file_and_a_folder_are_findings(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, Path("a\0b")):
        report = Report()
        assert load_profile(path, report=report) is None
        assert [found.code for found in report] == ["PRF001"]


def test_plain_values_follow_yaml_1_2_whatever_the_file_declares() -> None:
    scalars = [
        "no",
        "on",
        "010",
        "0x1f",
        "0o17",
        "1e3",
        "1:30",
        "2026-01-01",
        "~",
        "null",
        "true",
        "'1'",
        "1_0",
        ".5",
    ]
    text = "%YAML 1.1\n---\n" + "".join(f"- {scalar}\n" for scalar in scalars)
    report = Report()

    tree = read_tree(text, "-", report)

    assert tree is not None
    assert plain(tree) == [
        *("no", "on", 10, 31, 15, 1000.0, "1:30", "2026-01-01", None, None, True, "1", "1_0", 0.5)
    ]


scalar_texts = st.text(alphabet="0123456789.eE+-xo~truefalsnNTFUL", max_size=8)


@given(scalar_texts)
@settings(deadline=None)
def test_a_plain_scalar_that_survives_quoting_is_text(text: str) -> None:
    quoted = read_tree(f"'{text}'", "-", Report())

    assert quoted is not None
    assert plain(quoted) == text


def test_norway_is_a_country() -> None:
    assert loads(small("compliance: {residency: [no]}")).profile.compliance.residency == ("no",)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    file.write_bytes(
        b"\xef\xbb\xbf" + small("routing: {retry: 1}\n").replace("\n", "\r\n").encode()
    )
    report = Report()

    load_profile(file, report=report)

    assert [(found.place.line, found.place.column) for found in report] == [(4, 11)]


def test_extended_files_merge_maps_by_key_and_lists_by_name(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        """
workloads:
  - {alias: chat, task: chat, quality: smart, cache: exact}
  - {alias: code, task: code}
routing: {retries: 5, timeout: 20s}
compliance: {residency: [eu, us]}
providers: [openai, {name: azure, as: se, regions: [swedencentral]}]
""",
        encoding="utf-8",
    )
    child = tmp_path / "child.yaml"
    child.write_text(
        """
version: 1
name: child
extends: [base.yaml]
workloads:
  - {alias: chat, needs: [tools], cache: {ttl: 5m}}
  - {alias: new, task: embed}
routing: {retries: 1}
compliance: {residency: [eu]}
providers: [{name: azure, as: se, secret: SE_KEY}, {name: azure, as: fr}]
""",
        encoding="utf-8",
    )
    report = Report()

    loaded = load_profile(child, report=report)

    assert loaded, list(report)
    profile = loaded.profile
    assert [w.alias for w in profile.workloads] == ["chat", "code", "new"]
    chat = profile.workload("chat")
    assert (chat.quality, chat.needs) == ("smart", ("tools",))
    assert chat.cache is not None
    assert (chat.cache.mode, chat.cache.ttl) == ("exact", 300)
    assert (profile.routing.retries, profile.routing.timeout) == (1, 20)
    assert profile.compliance.residency == ("eu",)
    assert profile.providers is not None
    assert [p.id for p in profile.providers] == ["openai", "se", "fr"]
    assert (profile.providers[1].regions, profile.providers[1].secret) == (
        ("swedencentral",),
        "SE_KEY",
    )
    assert loaded.files == (str(child), str(tmp_path / "base.yaml"))
    assert loaded.positions.place("workloads[0].quality").file == str(tmp_path / "base.yaml")
    assert loaded.positions.place("workloads[0].needs").file == str(child)


def test_a_workload_overrides_the_profile_key_by_key() -> None:
    profile = loads(
        small(
            "routing: {retries: 5, timeout: 20s}\n"
            "guardrails: {pii: {input: redact, output: redact}}\ncache: {mode: semantic, ttl: 5m}\n",
            ", routing: {retries: 0}, guardrails: {pii: {output: off}}, cache: exact",
        )
    ).profile

    policy = policy_of(profile, profile.workloads[0])

    assert (policy.routing.retries, policy.routing.timeout) == (0, 20)
    assert policy.routing.model_fields_set == {"retries", "timeout"}
    assert (policy.guardrails.pii.input, policy.guardrails.pii.output) == ("redact", "off")
    assert (policy.cache.mode, policy.cache.ttl) == ("exact", 300)


@pytest.mark.parametrize(
    ("top", "here", "loosened"),
    [
        ("compliance: {residency: [eu]}", "compliance: {residency: [de]}", []),
        (
            "compliance: {residency: [eu]}",
            "compliance: {residency: [us]}",
            ["compliance.residency"],
        ),
        ("compliance: {residency: [eu]}", "compliance: {residency: []}", ["compliance.residency"]),
        ("compliance: {retention: zero}", "compliance: {retention: any}", ["compliance.retention"]),
        ("compliance: {training: allow}", "compliance: {training: forbid}", []),
        (
            "compliance: {frameworks: [gdpr]}",
            "compliance: {frameworks: [soc2]}",
            ["compliance.frameworks"],
        ),
        ("guardrails: {pii: {input: redact}}", "guardrails: {pii: {input: block}}", []),
        (
            "guardrails: {pii: {input: block}}",
            "guardrails: {pii: {input: redact}}",
            ["guardrails.pii.input"],
        ),
        (
            "guardrails: {deny: [{name: a, pattern: x}]}",
            "guardrails: {deny: []}",
            ["guardrails.deny"],
        ),
        (
            "guardrails: {on_failure: block}",
            "guardrails: {on_failure: pass}",
            ["guardrails.on_failure"],
        ),
        ("routing: {retries: 1}", "routing: {retries: 9}", []),
    ],
)
def test_what_a_workload_loosens_is_found(top: str, here: str, loosened: list[str]) -> None:
    profile = loads(small(f"{top}\n", f", {here}")).profile

    found = loosenings(profile)

    assert [loosening.key for loosening in found] == loosened
    assert all(loosening.profile != loosening.here for loosening in found)


def test_the_starter_loads_cleanly_and_takes_a_name() -> None:
    report = Report()

    loaded = load_profile("-", starter_profile("my-shop"), report=report)

    assert not list(report)
    assert loaded is not None
    assert loaded.profile.name == "my-shop"


def test_every_part_of_the_starter_that_is_commented_out_loads_too() -> None:
    text = re.sub(r"(?m)^# ?((?:  |[a-z]+:).*)$", r"\1", starter_profile())

    assert loads(text).profile.teams[0].name == "web"


SECRETS = (
    "sk-proj-Zq81LmNoPqRsTuVw",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
)


@pytest.mark.parametrize(
    "secret", [SECRETS[0], *(pytest.param(s, marks=pytest.mark.slow) for s in SECRETS[1:])]
)
def test_a_secret_is_refused_wherever_it_stands_and_never_repeated(secret: str) -> None:
    lines = FULL_TEXT.splitlines()
    for path, place in loads(FULL_TEXT).positions.values.items():
        line, start = lines[place.line - 1], place.column - 1
        written = re.match(r"[\w.%/:@-]+", line[start:])
        if not written:
            continue
        changed = [*lines]
        changed[place.line - 1] = line[:start] + secret + line[start + written.end() :]
        report = Report()

        load_profile("-", "\n".join(changed), report=report)

        assert report.has_errors, path
        assert not [f for f in report if secret in f"{f.as_json()}"], path


@given(st.text())
@settings(deadline=None)
def test_what_messages_repeat_is_short_and_on_one_line(text: str) -> None:
    assert len(shown(text)) <= 60
    assert shown(text).isprintable()


def test_names_of_variables_are_no_secrets() -> None:
    assert not looks_secret("OPENAI_API_KEY")
    assert not looks_secret("please task-force this disk-like thing")


def test_rules_have_codes_of_their_own() -> None:
    codes = [rule.code for rule in RULES]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"PRF\d{3}", code) for code in codes)
    assert all(rule.why for rule in RULES)


def test_every_rule_is_shown_by_a_case() -> None:
    shown_in_cases = "".join(
        file.read_text(encoding="utf-8") for file in FULL.parents[1].glob("*/expected.txt")
    )

    missing = [rule.code for rule in RULES if rule.code not in shown_in_cases]

    assert missing == ["PRF016"]  # needs hundreds of mistakes; a test above has them


def test_the_whole_format_is_in_the_full_example() -> None:
    tree = read_tree(FULL_TEXT, "-", Report())
    assert tree is not None
    written = set(_written(plain(tree), Profile, ""))
    overrides = tuple(f"workloads.{name}." for name in ("routing", "compliance", "guardrails"))

    missing = [
        key.path for key in keys() if key.path not in written and not key.path.startswith(overrides)
    ]

    assert missing == ["workloads.cache.ttl", "workloads.cache.similarity", "extends"]


def _written(values: Any, section: type[Section], above: str) -> Iterator[str]:
    """Paths of the format's keys that `values` sets."""
    for key, field in fields_of(section).items():
        if not isinstance(values, dict) or key not in values:
            continue
        path = f"{above}.{key}" if above else key
        yield path
        below, is_named = inner(field.annotation)
        found = values[key]
        items = found if isinstance(found, list) else found.values() if is_named else [found]
        if below is not None:
            for item in items:
                yield from _written(item, below, f"{path}.<name>" if is_named else path)


def _damaged(text: str, draw: random.Random, how: str) -> str:
    at = draw.randrange(len(text))
    match how:
        case "cut":
            return text[:at]
        case "drop":
            return text[:at] + text[at + draw.randrange(1, 20) :]
        case "swap":
            other = draw.randrange(len(text))
            piece = text[other : other + draw.randrange(1, 12)]
            return text[:at] + piece + text[at + len(piece) :]
        case _:
            return text[:at] + draw.choice("{}[]:,#&*!|>'\"%@`-\n\t 0\u2028é") + text[at:]


def test_the_damaged_profiles_are_yaml_often_enough_to_mean_something() -> None:
    good = 0
    for seed in range(60):
        report = Report()
        load_profile("-", _damaged(FULL_TEXT, random.Random(seed), "drop"), report=report)
        good += not any(found.code == "PRF002" for found in report)
    assert good > 15
    assert YAML(typ="safe").load(FULL_TEXT)
