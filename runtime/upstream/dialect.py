"""A dialect: how one family of providers wants a chat completion put, and how it answers.

Both ends are OpenAI's: a chat-completions body goes in, chat completions and their chunks come
out; `created` is 0 where the provider names no time. What a provider has no word for is never left out silently: a parameter is listed in
`Translated.dropped`, and content that cannot be said at all raises `UntranslatableError`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import orjson

from designer.errors import DesignerError
from runtime.upstream.base import Authorize, Request, UpstreamError, UpstreamFailure
from runtime.upstream.failures import in_band_failure
from runtime.upstream.sse import Event, EventParser

Body = dict[str, Any]

# What reading a field of a shape that is not there raises.
SHAPE_ERRORS: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class UntranslatableError(DesignerError):
    """The request holds something that this provider cannot be asked at all."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a deployment is and what it is called there."""

    api_base: str
    model: str
    secret: str = field(default="", repr=False)
    """The value itself; empty for providers that want none."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What else the provider needs, such as `api_version`."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_output_tokens: int = 4096
    """Sent where the provider demands a limit and the request has none."""
    authorize: Authorize | None = None
    """For accounts that a secret in a header does not open: signatures, tokens that expire."""
    region: str = ""
    """Where clouds are told to process."""


@dataclass(frozen=True, slots=True)
class Translated:
    request: Request
    dropped: tuple[str, ...] = ()
    """Parameters that the provider has no equivalent of, sorted."""


class StreamTranslation(Protocol):
    """One stream's events to OpenAI's chunks. Raises one of SHAPE_ERRORS for an event that is
    none, and `UpstreamError` where the provider says that it failed."""

    def __call__(self, payload: Body) -> Iterable[Body]: ...


class Framing(Protocol):
    """Events out of a stream's bytes, however they were cut. `feed` raises `FramingError`."""

    def feed(self, chunk: bytes) -> list[Event]: ...

    def close(self) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Embedding:
    request: Callable[[Target, Body], Translated]
    response: Callable[[Body, str], Body]


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    request: Callable[[Target, Body], Translated]
    response: Callable[[Body, str], Body]
    """A whole answer and the deployment's model to a chat completion."""
    stream: Callable[[str], StreamTranslation]
    error: Callable[[int, Mapping[str, str], bytes], UpstreamFailure]
    embedding: Embedding | None = None
    """None where the provider has no embeddings."""
    framing: Callable[[], Framing] = EventParser


def translate(
    request: Callable[[Target, Body], Translated], target: Target, body: Body
) -> Translated:
    """`request` is a dialect's own, or that of its embedding."""
    try:
        return request(target, body)
    except SHAPE_ERRORS as error:
        raise UntranslatableError(
            f"a request that OpenAI's API does not know: {error!r}"
        ) from error


def read_answer(
    response: Callable[[Body, str], Body],
    dialect: Dialect,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    model: str,
) -> Body | UpstreamFailure:
    """An answer that was read whole, in OpenAI's shape, or what is wrong with it.

    `response` is the dialect's own, or that of its embedding.
    """
    if status != 200:
        return dialect.error(status, headers, body)
    if not body.strip():
        return UpstreamFailure("empty", status, message="the answer has no body")
    try:
        payload = orjson.loads(body)
        if isinstance(payload, dict) and payload.get("error"):
            return _error_as_answer(payload["error"], body)
        answer = response(payload, model)
    except UpstreamError as error:
        return error.failure
    except SHAPE_ERRORS as error:
        return UpstreamFailure("malformed", status, body=body, message=f"not an answer: {error!r}")
    if is_empty(answer):
        return UpstreamFailure("empty", status, body=body, message="the answer says nothing")
    return answer


def _error_as_answer(error: Any, body: bytes) -> UpstreamFailure:
    """An error under status 200, as aggregators send them, counts as the status it names."""
    failure = in_band_failure(error, body)
    if failure.token != "stream_error":
        return failure
    return replace(failure, token=str(failure.status or 500))


def is_empty(answer: Body) -> bool:
    if "choices" not in answer:
        return not answer.get("data")
    return all(_says_nothing(choice) for choice in answer["choices"])


def _says_nothing(choice: Body) -> bool:
    """A refusal or a limit reached is an answer, even without a word."""
    message = choice["message"]
    said = any(
        message.get(key) for key in ("content", "tool_calls", "function_call", "refusal", "audio")
    )
    return not said and choice.get("finish_reason") in (None, "stop")


def json_request(target: Target, url: str, headers: Mapping[str, str], body: Body) -> Request:
    return Request(
        url=url,
        headers={"content-type": "application/json", **headers, **target.headers},
        body=orjson.dumps(body),
        is_stream=bool(body.get("stream")),
        authorize=target.authorize,
    )


def joined_url(api_base: str, path: str, version: str = "") -> str:
    """`api_base` may hold the API's version already or leave it to `version`."""
    base = api_base.rstrip("/")
    last = base.rpartition("/")[2]
    has_version = last[:1] == "v" and last[1:2].isdigit()
    return f"{base}/{path}" if has_version or not version else f"{base}/{version}/{path}"


def chunk(
    id_: str, model: str, created: int, delta: Body, finish_reason: str | None = None
) -> Body:
    return {
        "id": id_,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


def usage_chunk(id_: str, model: str, created: int, usage: Body) -> Body:
    return {
        "id": id_,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [],
        "usage": usage,
    }


def usage_of(
    prompt: int, completion: int, cached: int = 0, reasoning: int = 0, written: int = 0
) -> Body:
    """OpenAI's usage: `prompt` includes what was cached, `completion` what was only thought."""
    details = {"cached_tokens": cached}
    if written:
        details["cache_creation_tokens"] = written
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def text_of(content: Any) -> str:
    """The text of a message's content, in whichever of its shapes."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if "text" in part)


def only_text_of(content: Any, of: str) -> str:
    """As `text_of`, where nothing but text can be said."""
    if isinstance(content, list) and any("text" not in part for part in content):
        raise UntranslatableError(f"anything but text in {of}")
    return text_of(content)


def texts_of(given: Any) -> list[str]:
    """What an embedding is asked of, as texts."""
    texts = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(text, str) for text in texts):
        raise UntranslatableError("embeddings of token numbers")
    return texts


def data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 text of a data URL, None for any other."""
    if not url.startswith("data:"):
        return None
    head, comma, payload = url[5:].partition(",")
    media_type, _, coding = head.partition(";")
    if not comma or coding != "base64":
        raise UntranslatableError("a data URL that is not base64")
    return media_type, payload
