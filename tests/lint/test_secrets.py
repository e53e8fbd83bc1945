"""What is a secret and what only stands for one; and no finding ever shows one."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.diagnostics import Place, Report
from designer.lint import secrets
from designer.lint.versions import check_version
from designer.render import findings as render
from tests.lint.linting import codes, linted

LETTERS = string.ascii_letters + string.digits
BODY = st.text(LETTERS, min_size=36, max_size=48).filter(
    lambda text: len(set(text)) > 12 and not secrets.is_harmless(f"sk-{text}")
)
KEYS = st.builds(
    str.__add__, st.sampled_from(["sk-", "sk-ant-api03-", "sk-or-v1-", "ghp_", "hf_"]), BODY
)


def config(secret: str) -> dict[str, Any]:
    """The secret wherever one is likely to be written."""
    return {
        "model_list": [
            {
                "model_name": "chat",
                "litellm_params": {
                    "model": "openai/gpt-4o",
                    "api_key": secret,
                    "api_base": f"http://user:{secret}@llm.acme.com/v1",
                    "aws_secret_access_key": secret,
                    "extra_headers": {"Authorization": f"Bearer {secret}"},
                    "api_keey": secret,
                    "timeout": secret,
                },
            }
        ],
        "router_settings": {
            "redis_password": secret,
            "num_retries": secret,
            "redis_pasword": secret,
        },
        "litellm_settings": {
            "cache": True,
            "cache_params": {"type": "redis", "host": "redis", "password": secret},
        },
        "general_settings": {"master_key": secret, "database_url": f"postgresql://a:{secret}@db/x"},
        "environment_variables": {"OPENAI_API_KEY": secret, "NOTE": f"os.environ/{secret}"},
    }


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(KEYS)
def test_a_secret_is_found_and_never_shown(
    tmp_path_factory: pytest.TempPathFactory, secret: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_text(json.dumps(config(secret)), "utf-8")

    found = linted(path)

    shown = render.text(found) + json.dumps([finding.as_json() for finding in found])
    assert secret not in shown
    assert "LNT701" in {finding.code for finding in found}


@given(KEYS)
def test_a_key_by_its_shape_is_one_in_any_text(secret: str) -> None:
    assert secrets.shape_of(secret)
    assert secrets.shape_of(f"Bearer {secret}")
    assert secrets.is_random(secret)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "os.environ/OPENAI_API_KEY",
            "${OPENAI_API_KEY}",
            "{{ .Values.openaiKey }}",
            "<your key>",
        ),
        *("sk-...", "sk-xxxxxxxxxxxxxxxxxxxxxxxx", "your-openai-api-key-goes-here", "changeme", ""),
        *("sk-fake-key-for-the-local-server-0", "not-needed", "dummy", "EMPTY", "oidc/google/x"),
        *("AKIAIOSFODNN7EXAMPLE", "hashicorp_vault/openai"),
    ],
)
def test_what_stands_for_a_secret_is_none(value: str) -> None:
    assert secrets.shape_of(value) is None
    assert not secrets.is_random(value)


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("http://llm.acme.com/v1", "LNT710"),
        ("http://8.8.8.8/v1", "LNT710"),
        ("http://169.254.169.254/latest", "LNT712"),
        ("http://metadata.google.internal/", "LNT712"),
        ("https://llm.acme.com/v1", None),
        ("http://localhost:8000/v1", None),
        ("http://10.1.2.3:8000/v1", None),
        ("http://[::1]:8000/v1", None),
        ("http://vllm:8000/v1", None),
        ("http://vllm.models.svc.cluster.local:8000", None),
        ("http://host.docker.internal:11434", None),
        ("http://${HOST}/v1", None),
        ("http://[broken", None),
    ],
)
def test_what_leaves_the_private_network_is_encrypted(
    tmp_path: Path, base: str, code: str | None
) -> None:
    params = {"model": "openai/x", "api_key": "os.environ/KEY", "api_base": base}
    path = tmp_path / "config.yaml"
    path.write_text(
        json.dumps({"model_list": [{"model_name": "chat", "litellm_params": params}]}), "utf-8"
    )

    found = {one for one in codes(path) if one in ("LNT710", "LNT712")}

    assert found == ({code} if code else set())


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("1.82.7", "LNT707"),
        ("1.82.8", "LNT707"),
        ("1.82.6", "LNT708"),
        ("1.83.13", "LNT708"),
        ("v1.83.14", "LNT708"),
        ("1.83", "LNT708"),
        ("1.84.0", None),
        ("1.107.0", "LNT709"),
        ("1.106.0.dev3", "LNT709"),
        ("1.107.0rc2", "LNT709"),
        ("1.106.2", None),
        ("1.106", None),
        ("main-stable", None),
    ],
)
def test_versions_that_nobody_should_run(version: str, code: str | None) -> None:
    report = Report()

    check_version(version, Place("config.yaml"), report)

    assert [finding.code for finding in report] == ([code] if code else [])
