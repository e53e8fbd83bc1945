"""Secrets in clear text, weak master keys, and ways by which keys and prompts leave the proxy.

A value that may be a secret is never part of a finding; the setting's name is.
"""

from collections.abc import Iterator
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Path
from designer.lint import secrets
from designer.lint.litellm.view import GENERAL, File, mapping, text
from designer.lint.versions import check_version

_READ = "read, LiteLLM 1.106.2"

CLEAR = Rule(
    "LNT701",
    Severity.ERROR,
    "`{key}` holds {what} in clear text{others}",
    "Whoever can read the file, its history, an image or a backup of it can use the secret.",
    instead="the secret is as public as the file",
    help="write `os.environ/{name}`, and replace the secret: it has been in this file",
    source="https://docs.litellm.ai/docs/proxy/configs, read 2026-11-24; MITRE CWE-798",
)
PASSWORD = Rule(
    "LNT702",
    Severity.WARNING,
    "`{key}` holds a password in clear text{others}",
    "Whoever can read the file, its history, an image or a backup of it can use the password.",
    instead="the password is as public as the file",
    help="write `os.environ/{name}`, and replace the password where anybody else can reach its server",
    source="https://docs.litellm.ai/docs/proxy/configs, read 2026-11-24; MITRE CWE-798",
)
KNOWN_MASTER_KEY = Rule(
    "LNT703",
    Severity.ERROR,
    "`master_key` is the one of the documentation's examples, which everybody knows",
    "The master key may do everything: read every key, make new ones, spend every budget. LiteLLM "
    "1.106.2 does not start with a key that is publicly known.",
    instead="the proxy refuses to start; older ones start, and let everybody in",
    help="write `os.environ/LITELLM_MASTER_KEY`, and set it to `sk-` and 32 random bytes in hex",
    source=f"measured, LiteLLM 1.106.2, 2026-11-22; {_READ} proxy/auth/master_key_boot_check.py:19",
)
WEAK_MASTER_KEY = Rule(
    "LNT704",
    Severity.WARNING,
    "`master_key` stands in clear text, and is short enough to be guessed",
    "The master key may do everything: read every key, make new ones, spend every budget.",
    instead="whoever guesses the key, or reads the file, has the proxy",
    help="write `os.environ/LITELLM_MASTER_KEY`, and set it to `sk-` and 32 random bytes in hex",
    source="https://docs.litellm.ai/docs/proxy/virtual_keys, read 2026-11-24; MITRE CWE-521",
)
NO_MASTER_KEY = Rule(
    "LNT705",
    Severity.ERROR,
    "`master_key` is empty",
    "An empty `master_key` in the file counts, even where LITELLM_MASTER_KEY is set in the environment.",
    instead="LiteLLM 1.106.2 refuses to start; older ones start without authentication",
    help="write `os.environ/LITELLM_MASTER_KEY`, or delete the key so that the environment counts",
    source=f"{_READ} proxy/proxy_server.py:6949, proxy/auth/master_key_boot_check.py, 2026-11-24",
)
PERMITS_WEAK_KEY = Rule(
    "LNT706",
    Severity.WARNING,
    "`dangerously_permit_weak_or_unset_master_key` switches the check of the master key off",
    "The proxy starts with an unset, empty or publicly known master key. It is meant for development "
    "on one machine.",
    instead="a missing key goes unnoticed, and everybody may use the proxy",
    help="delete the setting, and set LITELLM_MASTER_KEY",
    source=f"{_READ} proxy/auth/master_key_boot_check.py:13, 2026-11-24",
)
PLAIN_HTTP = Rule(
    "LNT710",
    Severity.WARNING,
    "`{key}` sends prompts and the key to {host} without encryption",
    "With http everybody on the way can read and change what is sent, the key included.",
    instead="prompts, answers and the key are readable on the way",
    help="write https, or reach the host through a private network by its private name",
    source="by definition; RFC 9110 section 4.2.2",
)
NO_VERIFICATION = Rule(
    "LNT711",
    Severity.WARNING,
    "`ssl_verify: false` accepts every certificate",
    "An encrypted connection to an unverified host may be one to somebody in between.",
    instead="whoever answers in the provider's place gets prompts and keys",
    help="delete the setting; for a certificate of your own give the path of its authority's file",
    source="https://docs.litellm.ai/docs/guides/security_settings, read 2026-11-24; MITRE CWE-295",
)
METADATA_HOST = Rule(
    "LNT712",
    Severity.ERROR,
    "`{key}` leads to {host}, where a cloud hands out its machine's credentials",
    "Link-local addresses are answered by the machine's own cloud, never by a model. Through such a "
    "deployment its callers could ask for the machine's credentials.",
    instead="no model answers, and callers may get at the machine's credentials",
    help="write the address of the model's server",
    source="by definition; RFC 3927, MITRE CWE-918",
)
CALLERS_CREDENTIALS = Rule(
    "LNT713",
    Severity.WARNING,
    "`allow_client_side_credentials` lets every caller choose where a request is sent",
    "A caller who sends `api_base` with a request has it sent there, with the deployment's own key.",
    instead="whoever has a key of the proxy can get at the keys of its providers",
    help="delete it; where callers bring keys of their own, name what they may set in a deployment's "
    "`configurable_clientside_auth_params`",
    source=f"{_READ} proxy/auth/auth_utils.py:470 and :584, 2026-11-24",
)
PLACEHOLDER = Rule(
    "LNT714",
    Severity.WARNING,
    "`{key}` still holds what its template asks to be replaced{others}",
    "A value such as `<your key>` is sent to the provider as it stands.",
    instead="the provider answers 401, and the router tries somebody else or gives up",
    help="write `os.environ/{name}`",
    source="measured, LiteLLM 1.106.2, 2026-11-22: a 401 is not retried in a group of one",
)


def no_secret_in_clear_text(file: File, report: Report) -> None:
    """Each value once, however often it stands there."""
    found: dict[str, tuple[Rule, str, list[Path]]] = {}
    for path, value in file.texts:
        verdict = found.get(value) or _verdict(path, value)
        if verdict is not None:
            found.setdefault(value, verdict)[2].append(path)
    for rule, what, (first, *others) in found.values():
        report.add(
            rule,
            file.place(*first),
            key=_key(first),
            what=what,
            name=_variable(file, first),
            others=f", here and in {len(others)} more places" if others else "",
        )


def _verdict(path: Path, value: str) -> tuple[Rule, str, list[Path]] | None:
    key = _key(path)
    if path[:2] == (GENERAL, "master_key") and not secrets.is_random(value):
        return None  # the rules of master keys tell of it
    shape = secrets.shape_of(value)
    if shape is not None:
        return CLEAR, shape, []
    if secrets.holds_password(value) or (
        secrets.is_password_key(key) and not secrets.is_placeholder(value)
    ):
        return PASSWORD, "", []
    if not secrets.is_secret_key(key):
        return None
    if secrets.is_random(value):
        return CLEAR, "a secret", []
    return (PLACEHOLDER, "", []) if secrets.stands_for_one(value) else None


def _key(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _variable(file: File, path: Path) -> str:
    """A good name for the environment variable: with the provider's name where a deployment has one."""
    key = _key(path).upper().replace("-", "_")
    match path:
        case ("model_list", int(index), *_):
            params = mapping(mapping(file.value["model_list"][index]).get("litellm_params"))
            provider, slash, _ = text(params.get("model")).partition("/")
            is_name = bool(slash) and provider.isascii() and provider.isidentifier()
            return f"{provider.upper()}_{key}" if is_name else key
        case (_, "cache_params", *_):
            return f"REDIS_{key}"
    return key


def master_key_is_safe(file: File, report: Report) -> None:
    place = file.place(GENERAL, "master_key")
    if file.general.get("dangerously_permit_weak_or_unset_master_key") is True:
        where = file.place(GENERAL, "dangerously_permit_weak_or_unset_master_key")
        report.add(PERMITS_WEAK_KEY, where)
        return
    if "master_key" not in file.general:
        return
    value = text(file.general["master_key"]).strip()
    if not value:
        report.add(NO_MASTER_KEY, place)
    elif sha256(value.encode()).hexdigest() in _KNOWN_MASTER_KEYS:
        report.add(KNOWN_MASTER_KEY, place)
    elif not secrets.is_placeholder(value) and not secrets.is_random(value):
        report.add(WEAK_MASTER_KEY, place)


_KNOWN_MASTER_KEYS = frozenset({"88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"})
"""SHA-256 of the keys that LiteLLM refuses (master_key_boot_check.py:19 of 1.106.2): `sk-1234`."""


def connections_are_private(file: File, report: Report) -> None:
    for path, value in file.texts:
        if _key(path) not in ("api_base", "base_url"):
            continue
        scheme, host = _address(value)
        if host is None:
            continue
        if _is_metadata(host):
            report.add(METADATA_HOST, file.place(*path), key=_key(path), host=host)
        elif scheme == "http" and not _is_private(host):
            report.add(PLAIN_HTTP, file.place(*path), key=_key(path), host=host)


def _address(url: str) -> tuple[str, str | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname
    except ValueError:
        return "", None


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_metadata(host: str) -> bool:
    address = _ip(host)
    return host == "metadata.google.internal" or (address is not None and address.is_link_local)


_PRIVATE_SUFFIXES = (
    *(".local", ".localhost", ".internal", ".lan", ".home", ".home.arpa", ".intranet", ".corp"),
    *(".private", ".svc", ".test", ".example", ".invalid", ".ts.net", ".consul"),
)
"""Names that no public name server answers for, or only inside a network of one's own (RFC 6761, RFC
8375, Kubernetes and Docker conventions)."""


def _is_private(host: str) -> bool:
    """Also where it is not known: a template's placeholder, a variable."""
    address = _ip(host)
    if address is not None:
        return not address.is_global
    is_name = all(c.isalnum() or c in ".-_" for c in host)
    return not is_name or "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def certificates_are_verified(file: File, report: Report) -> None:
    for path in _settings(file, "ssl_verify", False):
        report.add(NO_VERIFICATION, file.place(*path))


def _settings(file: File, key: str, value: Any) -> Iterator[Path]:
    """Where `key` has this value, in litellm_settings or in a deployment."""
    if file.litellm.get(key) is value:
        yield ("litellm_settings", key)
    for entry in file.entries:
        if entry.params.get(key) is value:
            yield entry.path_of(key)


def callers_bring_no_address(file: File, report: Report) -> None:
    key = "allow_client_side_credentials"
    if file.general.get(key) is True:
        report.add(CALLERS_CREDENTIALS, file.place(GENERAL, key))


def version_is_sound(file: File, report: Report) -> None:
    check_version(file.subject.version, file.place(), report)


CHECKS = (
    no_secret_in_clear_text,
    master_key_is_safe,
    connections_are_private,
    certificates_are_verified,
    callers_bring_no_address,
    version_is_sound,
)
