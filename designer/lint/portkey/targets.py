"""How targets are reached: keys in the file, addresses, time limits, retries."""

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from designer.diagnostics import Report, Rule, Severity
from designer.gateways.portkey_config.placeholders import is_placeholder
from designer.gateways.portkey_config.read import with_underscores
from designer.gateways.portkey_oss.tables import PRIVATE_SUFFIXES, TRUSTED_HOSTS
from designer.lint.portkey.view import MEASURED, Config, Level, above, codes, number

REAL_KEY = Rule(
    "LNT608",
    Severity.ERROR,
    "`{key}` holds what looks like a real key of {owner}",
    "The file, every copy of it, and every log that keeps the header then hold the key.",
    instead="whoever reads the file can spend the account's money",
    help="revoke the key, and write `${{NAME}}` (or `@provider`, where Portkey keeps the key)",
    source="by definition; the form is the one the provider publishes (2026-11-24)",
)
HOST_REFUSED = Rule(
    "LNT609",
    Severity.WARNING,
    "the gateway refuses `custom_host` {host!r}: {why}",
    "The gateway guards against requests into private networks; private hosts need to be named, exactly, "
    "in its environment variable TRUSTED_CUSTOM_HOSTS, which replaces the list of local names.",
    instead="every request with this configuration is answered 400 `Invalid custom host`",
    help="name the host in TRUSTED_CUSTOM_HOSTS of the gateway, or use a public https address",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/issues/1587",
)
PLAIN_HTTP = Rule(
    "LNT610",
    Severity.WARNING,
    "`custom_host` {host!r} is a public address without TLS",
    "The provider's key and everything said go over the network in clear text.",
    instead="anybody on the way can read them",
    help="use https",
    source="by definition of http; the gateway takes both (read, Portkey gateway 1.15.2, 2026-11-24)",
)
NO_TIMEOUT = Rule(
    "LNT611",
    Severity.INFO,
    "no target has a `request_timeout`",
    "The gateway sets no limit of its own; a provider that accepts the connection and says nothing is "
    "waited for until the HTTP client gives up, after 300 s.",
    instead="a silent provider holds each request for minutes before any fallback",
    help="set `request_timeout`, in milliseconds, at the root or at each target",
    source="read, Portkey gateway 1.15.2, 2026-11-22",
)
IN_SECONDS = Rule(
    "LNT612",
    Severity.WARNING,
    "`request_timeout` is {value:g}, and it counts milliseconds",
    "No model answers within a third of a second: a value so small was meant as seconds. A negative one "
    "is over at once.",
    instead="nearly every request ends with 408",
    help="write milliseconds, as {meant:.0f}",
    source=f"{MEASURED}; https://portkey.ai/docs/product/ai-gateway/request-timeouts",
)
RETRY_COUNT = Rule(
    "LNT613",
    Severity.WARNING,
    "`attempts` is {value:g}: {why}",
    "The schema takes any number; the documentation speaks of up to 5, and the gateway has no such cap.",
    instead="{instead}",
    help="write a whole number from 0 to 5",
    source=f"{MEASURED}; https://portkey.ai/docs/product/ai-gateway/automatic-retries",
)
RETRY_WAITS = Rule(
    "LNT614",
    Severity.INFO,
    "when every target fails, a request waits {waits:.0f} s between retries alone",
    "Each target is retried to the end before the next is asked, with waits of 1, 2, 4, 8 … s that "
    "nothing shortens; the attempts themselves come on top.",
    instead="callers with a limit of their own have gone before the fallback answers",
    help="with a fallback behind them let targets retry once or not at all",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/issues/1464",
)
RETRY_LOSES_CODES = Rule(
    "LNT615",
    Severity.WARNING,
    "the own `retry` of {target} drops `on_status_codes` of the one above",
    "A target's `retry` replaces the inherited one whole; the two are not merged.",
    instead="429, 500, 502, 503 and 504 are retried, as without a list",
    help="repeat `on_status_codes`, or leave `retry` to the level above",
    source=MEASURED,
)

# --- Keys -----------------------------------------------------------------------------------------

_KEYS = re.compile(r"(?:api_?key|secret|access_key|token|password|private_key|credentials?)", re.I)
_OWNERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"sk-ant-[A-Za-z0-9_-]{24,}"), "Anthropic"),
    (re.compile(r"sk-or-v1-[0-9a-f]{40,}"), "OpenRouter"),
    (re.compile(r"sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}"), "OpenAI"),
    (re.compile(r"gsk_[A-Za-z0-9]{40,}"), "Groq"),
    (re.compile(r"AIza[0-9A-Za-z_-]{35}"), "Google"),
    (re.compile(r"A(?:KI|SI)A[0-9A-Z]{16}"), "AWS"),
    (re.compile(r"xai-[A-Za-z0-9]{40,}"), "xAI"),
    (re.compile(r"hf_[A-Za-z0-9]{30,}"), "Hugging Face"),
    (re.compile(r"gh[pousr]_[A-Za-z0-9]{36,}"), "GitHub"),
)


def keys_are_elsewhere(config: Config, report: Report) -> None:
    for level in config.levels:
        for key, value in level.own.items():
            owner = owner_of(value) if _KEYS.search(key) else None
            if owner is not None:
                report.add(REAL_KEY, config.place(*level.path_of(key)), key=key, owner=owner)


def owner_of(value: Any) -> str | None:
    """Whose key a text is, by its form; examples repeat themselves and are not keys."""
    if not isinstance(value, str) or len(set(value)) < 14 or is_placeholder(value):
        return None
    if not any(c.isdigit() for c in value):
        return None
    return next((owner for form, owner in _OWNERS if form.fullmatch(value.strip())), None)


# --- Addresses ------------------------------------------------------------------------------------


def hosts_are_reachable(config: Config, report: Report) -> None:
    for level in config.levels:
        host = level.own.get("custom_host")
        if not isinstance(host, str) or not host or "${" in host or "{{" in host or "<" in host:
            continue
        place = config.place(*level.path_of("custom_host"))
        why = _refused(host) if config.is_oss and not config.subject.config.profile else ""
        if why:
            report.add(HOST_REFUSED, place, host=host, why=why)
        elif _is_public_http(host):
            report.add(PLAIN_HTTP, place, host=host)


def _refused(text: str) -> str:
    """Why the gateway's own check of hosts says no; empty when it does not."""
    url = _url(text)
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        return "it is no http address"
    if url.username or url.password or "@" in text:
        return "it holds a user or a password"
    if "api.portkey" in text.lower():
        return "it is Portkey itself"
    host = url.hostname
    if host in TRUSTED_HOSTS or host.endswith(".localhost"):
        return ""
    return "it is a private address" if _is_private(host) else ""


def _url(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text.strip())
        return url if url.port is None or url.port > 0 else None
    except ValueError:
        return None


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:  # a name
        return host.endswith(PRIVATE_SUFFIXES) or host in ("metadata", "instance-data")


def _is_public_http(text: str) -> bool:
    url = _url(text)
    if url is None or url.scheme != "http" or not url.hostname:
        return False
    host = url.hostname
    return "." in host and host not in TRUSTED_HOSTS and not _is_private(host)


# --- Time -----------------------------------------------------------------------------------------

_LEAST_MS = 300
_LONGEST_WAIT_S = 30


def requests_are_limited(config: Config, report: Report) -> None:
    if config.targets and not any(target.effective("request_timeout") for target in config.targets):
        report.add(NO_TIMEOUT, config.place(*config.root.path))
    for level in config.levels:
        limit = number(level.own.get("request_timeout"))
        if limit is not None and limit != 0 and limit <= _LEAST_MS:
            meant = abs(limit) * 1000 if abs(limit) < _LEAST_MS else 30_000
            place = config.place(*level.path_of("request_timeout"))
            report.add(IN_SECONDS, place, value=limit, meant=meant)


# --- Retries --------------------------------------------------------------------------------------


def retries_are_counted(config: Config, report: Report) -> None:
    for level in config.levels:
        attempts = _attempts(level.own.get("retry"))
        found = _odd(attempts)
        if found is not None:
            place = config.place(*level.path_of("retry", "attempts"))
            report.add(RETRY_COUNT, place, value=attempts, why=found[0], instead=found[1])


def _odd(attempts: float) -> tuple[str, str] | None:
    if attempts < 0:
        return "less than none", "nothing is retried"
    if attempts != int(attempts):
        return "not a whole number", "it is rounded up"
    if attempts > 5:
        last = 2 ** (min(attempts, 60) - 1)
        return (
            "more than 5",
            f"the open-source gateway makes them all, the last after {last:,.0f} s",
        )
    return None


def retries_are_short(config: Config, report: Report) -> None:
    """Of chains as a whole, once, at the outermost."""
    for level in config.levels:
        if level.mode == "fallback" and not any(up.mode == "fallback" for up in above(level)):
            waits = _waits(level)
            if waits >= _LONGEST_WAIT_S:
                report.add(RETRY_WAITS, config.place(*level.path_of("targets")), waits=waits)


def _waits(level: Level) -> float:
    """Seconds of waiting when everything fails: of a pool or a conditional one branch is taken."""
    worst: dict[tuple[str | int, ...], float] = {}
    waiting = [(level, False)]
    while waiting:
        one, is_ready = waiting.pop()
        if is_ready:
            inner = [worst[child.path] for child in one.children] or [0.0]
            worst[one.path] = sum(inner) if one.mode == "fallback" else max(inner)
        elif one.children:
            waiting += [(one, True), *((child, False) for child in one.children)]
        else:
            attempts = min(_attempts(one.effective("retry")), 60)
            worst[one.path] = 2**attempts - 1 if attempts > 0 else 0.0
    return worst[level.path]


def retries_keep_their_codes(config: Config, report: Report) -> None:
    for level in config.levels:
        own = with_underscores(level.own.get("retry"))
        inherited = level.parent.effective("retry") if level.parent and own else None
        listed = codes(with_underscores(inherited).get("on_status_codes"))
        if listed and own.get("on_status_codes") is None:
            place = config.place(*level.path_of("retry"))
            report.add(RETRY_LOSES_CODES, place, target=level.label)


def _attempts(retry: Any) -> float:
    return number(with_underscores(retry).get("attempts")) or 0


CHECKS = (
    keys_are_elsewhere,
    hosts_are_reachable,
    requests_are_limited,
    retries_are_counted,
    retries_are_short,
    retries_keep_their_codes,
)
