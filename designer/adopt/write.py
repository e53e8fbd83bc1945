"""A draft as the text of a profile, with comments for whoever continues from it."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from designer.adopt.draft import Draft
from designer.emit import comment, to_yaml

_INTRO = """\
# yaml-language-server: $schema=./schemas/profile.schema.json
# Derived by `designer init --from {source}`
# {expressed} of {total} settings are said in the profile's own words, {carried} are carried under `passthrough`.
# `designer plan` with this file writes a configuration that routes as that one does. To let the planner
# decide instead, take `models` or `given` out of a workload and say what it needs.
"""
_TITLES: Mapping[str, str] = {
    "gateway": "The gateway that the configuration is for. `auto` would compare all of them.",
    "workloads": (
        "What applications call; `task` is guessed from names. What is `given` stands whole under\n"
        "# `passthrough`, and the comment behind it says which models serve it."
    ),
    "routing": "Of failures. `gateway`: the configuration says nothing, and the gateway's own limit stays.",
    "guardrails": "What is looked for in requests and answers.",
    "providers": "The accounts it uses. `gateway`: no address or key is written, the gateway's own stays.",
    "passthrough": "What the profile has no words for, as it stood in the configuration.",
}


def written(
    draft: Draft, gateway: Mapping[str, str], name: str, source: str, counts: tuple[int, int]
) -> str:
    """`gateway` has `use` and `version`; `counts` are all settings, and those that are carried."""
    total, carried = counts
    intro = _INTRO.format(
        source=comment(PurePath(source).name or source),
        expressed=total - carried,
        total=total,
        carried=carried,
    )
    return intro + "\n".join(_sections(draft, gateway, name)) + "\n"


def _sections(draft: Draft, gateway: Mapping[str, str], name: str) -> Iterator[str]:
    yield to_yaml({"version": 1, "name": name})
    yield _titled("gateway", to_yaml({"gateway": gateway}))
    said: dict[str, Any] = {
        "workloads": list(draft.workloads),
        "routing": draft.routing,
        "guardrails": draft.guardrails,
        "providers": list(draft.providers),
    }
    for key, value in said.items():
        if value:
            yield _titled(key, to_yaml({key: value}, draft.notes))
    if draft.section:
        passed = {"passthrough": {gateway["use"]: draft.section}}
        yield _titled("passthrough", to_yaml(passed, draft.notes))


def _titled(key: str, text: str) -> str:
    return f"\n# {_TITLES[key]}\n{text}"
