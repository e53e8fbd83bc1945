"""Whatever routes a configuration has, linting it gives findings and no exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.conform import litellm, portkey
from designer.conform.case import packaged
from designer.lint.pages import effects
from tests.conformance import litellm_strategies, portkey_strategies
from tests.lint.linting import linted

pytestmark = pytest.mark.slow

Fill = Callable[[Any, Callable[[int], str]], dict[str, Any]]
FILL: dict[str, Fill] = {"litellm": litellm.fill, "portkey-oss": portkey.fill}


def lint_config(gateway: str, config: Any, folder: Path) -> list[str]:
    suffix = ".yaml" if gateway == "litellm" else ".json"
    path = folder / f"config{suffix}"
    filled = FILL[gateway](config, lambda number: f"http://127.0.0.1:9/d/{number}")
    path.write_text(json.dumps(filled), "utf-8")
    return [finding.code for finding in linted(path, gateway)]


anything = st.one_of(
    st.tuples(st.just("litellm"), litellm_strategies.cases),
    st.tuples(st.just("portkey-oss"), portkey_strategies.cases),
)


@settings(suppress_health_check=list(HealthCheck))
@given(anything)
def test_a_random_configuration_is_linted(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, dict[str, Any]]
) -> None:
    gateway, case = drawn

    found = lint_config(gateway, case["config"], tmp_path_factory.getbasetemp())

    assert all(len(code) == 6 for code in found)


@pytest.mark.parametrize("gateway", FILL)
def test_every_case_of_the_corpus_is_linted(gateway: str, tmp_path: Path) -> None:
    found = [
        lint_config(gateway, case.config, tmp_path)
        for case in packaged(gateway)
        if not case.is_generated
    ]

    assert len(found) > 100


EFFECTS = [
    (gateway, code, case)
    for gateway, shown in effects().items()
    for code, cases in shown.items()
    for case in cases
]


@pytest.mark.parametrize(("gateway", "code", "id_"), EFFECTS)
def test_a_case_that_shows_a_rules_effect_breaks_the_rule(
    gateway: str, code: str, id_: str, tmp_path: Path
) -> None:
    (case,) = (case for case in packaged(gateway) if case.id == id_)

    assert code in lint_config(gateway, case.config, tmp_path)
