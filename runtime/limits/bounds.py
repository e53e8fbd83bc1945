"""The most that a request can use and cost, before anybody has counted.

Bounds, no estimates: a token is at least one byte of the text, so there are no more tokens than bytes.
What a provider adds by itself (templates, the wording of tools) has constants of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

import orjson
from msgspec import Struct

from designer.catalog import Price
from designer.catalog.model import PriceTier, Rate

IMAGE_TOKENS: Final = 48_169
"""The dearest image that is documented: gpt-4o-mini's 2,833 and 5,667 for each of 8 tiles (a picture
within 2048 by 2048, its short side 768). OpenAI, "Images and vision", read 2026-11-24."""
TOOLS_TOKENS: Final = 1_000
"""The wording that a provider puts around tools or a schema: Anthropic's is the longest documented,
below 900. Anthropic, "Tool use with Claude", read 2026-11-24."""
MESSAGE_TOKENS: Final = 16
"""A message's frame in a chat template; OpenAI's takes 3 or 4."""
MAX_TOKENS_WORD: Final[Mapping[str, str]] = {
    "openai": "max_completion_tokens",
    "azure": "max_completion_tokens",
}
"""By provider; `max_tokens` elsewhere. OpenAI's reasoning models refuse `max_tokens`. OpenAI, API
reference, "Create chat completion", read 2026-11-24."""
_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})
_NANO_PER_MTOK: Final = 1_000
"""Nano-dollars a token, of a dollar a million tokens."""
_TEXT_IN_PLACE_OF: Final = frozenset({"image_url", "input_image", "image"})
_UNBOUNDED: Final = frozenset({"file", "input_file", "input_audio", "video_url", "document"})
"""Parts whose tokens do not follow from their bytes: a compressed text, a sound."""


class Terms(Struct, frozen=True):
    """What bounds a deployment's answers. None: nobody knows."""

    context_tokens: int | None = None
    max_output_tokens: int | None = None
    max_tokens_word: str = "max_tokens"
    embeds: bool = False
    forces_limit: bool = False
    """Whether its answers have a limit of its own, whatever a request says."""


class Bound(Struct, frozen=True):
    """None: there is no bound."""

    input_tokens: int | None
    output_tokens: int | None
    choices: int = 1
    """How many answers are asked for; `output_tokens` are of one."""

    @property
    def tokens(self) -> int | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens * self.choices


def bound_of(body: Mapping[str, Any], terms: Terms, input_tokens: int | None) -> Bound:
    """`input_tokens` is what `input_bound` said of the same body."""
    known = [n for n in (input_tokens, terms.context_tokens) if n is not None]
    if terms.embeds:
        return Bound(
            input_tokens, 0
        )  # an embedding has many inputs, each with a context of its own
    own = None if terms.forces_limit else asked_for(body)
    asked = [n for n in (own, terms.max_output_tokens) if n is not None]
    if not asked and terms.context_tokens is not None:
        asked = [terms.context_tokens]
    choices = max(_count(body.get("n")) or 1, _count(body.get("best_of")) or 1)
    return Bound(min(known, default=None), min(asked, default=None), choices)


def asked_for(body: Mapping[str, Any]) -> int | None:
    """The limit on an answer that the request sets itself."""
    return _count(body.get("max_completion_tokens")) or _count(body.get("max_tokens"))


def limited(body: dict[str, Any], terms: Terms) -> dict[str, Any]:
    """The body with the limit that its bound was reckoned with, and no other."""
    limit = terms.max_output_tokens
    if terms.forces_limit:
        return {name: value for name, value in body.items() if name not in _LIMITS}
    if terms.embeds or limit is None or asked_for(body) is not None:
        return body
    return {**body, terms.max_tokens_word: limit}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


# --- What goes in ---------------------------------------------------------------------------------


def input_bound(body: Mapping[str, Any]) -> int | None:
    """No request of this body has more tokens. None where that does not follow from its bytes."""
    size = len(orjson.dumps(body))
    messages = body.get("messages")
    for part in _parts(messages if isinstance(messages, list) else []):
        kind = part.get("type")
        if kind in _UNBOUNDED:
            return None
        if kind in _TEXT_IN_PLACE_OF:
            size += IMAGE_TOKENS - len(orjson.dumps(part))
    if body.get("tools") or body.get("functions") or body.get("response_format"):
        size += TOOLS_TOKENS
    return size + MESSAGE_TOKENS * (len(messages) if isinstance(messages, list) else 0)


def _parts(messages: list[Any]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping):
                yield part


# --- What it costs --------------------------------------------------------------------------------


def worst_nano_usd(bound: Bound, price: Price | None, *, asks_priority: bool = False) -> int | None:
    """The dearest that this bound can be billed at, None where there is none."""
    if price is None or bound.input_tokens is None or bound.output_tokens is None:
        return None
    into, out = _dearest(price, bound.input_tokens, asks_priority)
    per_mtok = bound.input_tokens * into + bound.output_tokens * bound.choices * out
    return int((per_mtok * _NANO_PER_MTOK).to_integral_value(ROUND_CEILING))


def asks_priority(body: Mapping[str, Any]) -> bool:
    return body.get("service_tier") in ("auto", "priority")


def _dearest(price: Price, input_tokens: int, with_priority: bool) -> tuple[Decimal, Decimal]:
    """USD a million tokens, in and out: of all rates that a request of that length can meet."""
    rates: list[Price | Rate | PriceTier] = [price]
    if with_priority and price.priority is not None:
        rates.append(price.priority)
        rates += _reached(price.priority.tiers, input_tokens)
    rates += _reached(price.tiers, input_tokens)
    into, out = price.cache_write_1h or price.input, price.output
    for rate in rates:
        into = max(into, rate.input, rate.cache_write or rate.input)
        out = max(out, rate.output)
    return into, out


def _reached(tiers: Iterable[PriceTier], input_tokens: int) -> Iterator[PriceTier]:
    return (tier for tier in tiers if input_tokens > tier.above_input_tokens)


# --- What is billed when nothing is said ----------------------------------------------------------

BILLS_REFUSALS: Final = frozenset({"azure"})
"""Providers that bill requests which they turn down after having looked at them. Microsoft, "Plan to
manage costs for Azure OpenAI" (a 400 for the content filter or the input limit; a 401 or a 429 is
free), read 2026-11-24."""
_LOOKED_AT: Final = frozenset({"400", "content_policy", "context_length", "reject_prefill"})
_TIMED_OUT: Final = frozenset({"408", "504"})
"""The provider's own proxies say these too, while the model goes on."""
_NEVER_SENT: Final = frozenset({"connect", "barred"})


def is_free(provider: str, failure: str) -> bool:
    """Whether an attempt that failed this way surely costs nothing; else it may cost the most."""
    if failure in _LOOKED_AT:
        return provider not in BILLS_REFUSALS
    if failure in _NEVER_SENT:
        return True
    return failure.isdigit() and int(failure) >= 400 and failure not in _TIMED_OUT
