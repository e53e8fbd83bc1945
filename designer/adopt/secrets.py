"""Secrets written out in a configuration, replaced by the names of environment variables.

Which values are secrets is told by their keys and by what they look like; when in doubt it is one.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from designer.documents import Path
from designer.profile.secrets import looks_secret

_KEYS: Final = re.compile(
    r"(?:.*_)?(?:key|secret|token|password|passwd|credentials|authorization|salt|"
    r"vertex_service_account_json)"
)
_NO_SECRETS: Final = frozenset({"virtual_key", "prompt_cache_key", "cache_key"})
"""What only sounds like one: Portkey's names of stored keys, keys of caches."""
_REFERENCES: Final = re.compile(r"os\.environ/.+|env:.+|\$\{.+\}|\{\{.+\}\}", re.DOTALL)
_PASSWORD_IN_URL: Final = re.compile(r"://[^/\s]*:[^/\s]*@")
_CUSTOMARY: Final = {"master_key": "LITELLM_MASTER_KEY", "salt_key": "LITELLM_SALT_KEY"}


class Replaced(Struct, frozen=True):
    path: Path
    """In the gateway's section of `passthrough`."""
    variable: str


class Secrets(Struct):
    """Takes secrets out; the same secret gets the same name everywhere."""

    reference: str
    """How the gateway names a variable, `os.environ/{}`."""
    customary: Mapping[str, str]
    """A provider's prefix or name → the variable its key is usually in."""
    found: list[Replaced] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def taken_out(self, value: Any, path: Path = (), provider: str = "") -> Any:
        match value:
            case Mapping():
                provider = _provider(value) or provider
                return {
                    key: self.taken_out(item, (*path, key), provider) for key, item in value.items()
                }
            case list():
                return [
                    self.taken_out(item, (*path, index), provider)
                    for index, item in enumerate(value)
                ]
            case str() if _is_secret(path, value):
                variable = self._variable(value, path, provider)
                self.found.append(Replaced(path, variable))
                return self.reference.format(variable)
            case _:
                return value

    def _variable(self, secret: str, path: Path, provider: str) -> str:
        if secret not in self.names:
            key = _snake(_last_key(path))
            usual = self.customary.get(provider) if key == "api_key" else None
            wish = usual or _CUSTOMARY.get(key) or _as_name(key)
            self.names[secret] = _free(wish, set(self.names.values()))
        return self.names[secret]


def _provider(value: Mapping[str, Any]) -> str:
    """Of a LiteLLM `litellm_params` or a Portkey target."""
    model, provider = value.get("model"), value.get("provider")
    if isinstance(provider, str):
        return provider
    return model.partition("/")[0] if isinstance(model, str) else ""


def _is_secret(path: Path, text: str) -> bool:
    if not text or _REFERENCES.fullmatch(text):
        return False
    key = _snake(_last_key(path))
    is_called_so = key not in _NO_SECRETS and _KEYS.fullmatch(key) is not None
    return is_called_so or looks_secret(text) or _PASSWORD_IN_URL.search(text) is not None


def _last_key(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").lower()


def _as_name(key: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", key.upper()).strip("_")
    return name if name and not name[0].isdigit() else f"SECRET_{name}"


def _free(wish: str, taken: set[str]) -> str:
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    return name
