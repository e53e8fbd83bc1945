"""Names of people and places, which have no shape: a language model finds them (extra `pii-ner`).

presidio-analyzer asks a spaCy model that is installed already; nothing is downloaded. What is a name is the
model's word. Answers are not looked at: what they stream has gone out before a sentence is whole.
"""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from designer.errors import UsageError
from designer.ir import Guardrail
from runtime.deny import texts
from runtime.redact import Named, Span

LIMIT_S: Final = 2.0
"""For all the texts of one request together, the wait for other requests' included."""
# presidio's word for it → the placeholder's.
_ENTITIES: Final = {"PERSON": "person", "LOCATION": "location"}
_NEEDS: Final = ("presidio_analyzer", "spacy")
_LETTERS: Final = re.compile(r"[^\W\d_]{2}")
# What spaCy's and presidio's own code raises where a text or a model is not as it expects.
_ITS_ERRORS: Final = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError),
)


class Found(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def entity_type(self) -> str: ...


class Analyzer(Protocol):
    """presidio's `AnalyzerEngine`, as far as it is asked."""

    def analyze(self, text: str, entities: list[str], language: str) -> Sequence[Found]: ...


class NameFinder:
    """Reads in a thread of its own: spaCy does not promise that several may use one model at once."""

    def __init__(self, analyzer: Analyzer, language: str, limit_s: float = LIMIT_S) -> None:
        self._analyzer = analyzer
        self._language = language
        self._limit_s = limit_s
        self._thread = ThreadPoolExecutor(1, "names")

    async def named(self, body: Mapping[str, Any]) -> Named:
        """Where the names that stand in `body` stand in any text of it.

        Raises TimeoutError, or ValueError where the texts cannot be read.
        """
        said = tuple(dict.fromkeys(texts(body)))
        until_s = time.monotonic() + self._limit_s
        reading = asyncio.get_running_loop().run_in_executor(
            self._thread, self._names_in, said, until_s
        )
        async with asyncio.timeout(self._limit_s):
            return named(await reading)

    def _names_in(self, said: Collection[str], until_s: float) -> dict[str, str]:
        """Entity by name. Nobody waits for it after `until_s`."""
        names: dict[str, str] = {}
        for text in said:
            if time.monotonic() > until_s:
                raise TimeoutError
            if _LETTERS.search(text):
                names |= self._names_of(text)
        return names

    def _names_of(self, text: str) -> dict[str, str]:
        try:
            found = self._analyzer.analyze(
                text=text, entities=list(_ENTITIES), language=self._language
            )
            names = {text[f.start : f.end].strip(): _ENTITIES[f.entity_type] for f in found}
        except _ITS_ERRORS as error:
            raise ValueError(f"the model failed: {type(error).__name__}") from error
        # What has brackets is an earlier turn's placeholder.
        return {n: e for n, e in names.items() if _LETTERS.search(n) and not set("[]") & set(n)}

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def named(names: Mapping[str, str]) -> Named:
    """The names as a recogniser: whole words, the longest first."""
    if not names:
        return lambda _text: iter(())
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def spans(text: str) -> Iterator[Span]:
        return (Span(*match.span(), names[match[0]]) for match in pattern.finditer(text))

    return spans


# --- presidio and spaCy ---------------------------------------------------------------------------


def notes(model: str, rails: Iterable[Guardrail]) -> tuple[str, ...]:
    """What `--ner` does, and what it does not."""
    if not any(rail.kind == "pii" and "input" in rail.stages for rail in rails):
        return ("--ner has nothing to do: no guardrail takes personal data out of requests",)
    return (
        f"names and places leave requests as {model} finds them; answers are not read for them",
    )


def _is_installed(name: str) -> bool:
    return name.isidentifier() and find_spec(name) is not None


def need_model(model: str, has: Callable[[str], bool] = _is_installed) -> None:
    """Raises UsageError for packages or a model that are not there."""
    missing = [name for name in _NEEDS if not has(name)]
    if missing:
        raise UsageError(
            f"--ner lacks {', '.join(missing)}: pip install 'llm-gateway-designer[pii-ner]'"
        )
    if not has(model) and not Path(model).is_dir():
        raise UsageError(
            f"spaCy has no model {model!r} here: python -m spacy download {model}, "
            "or name a folder that has one"
        )


def name_finder(model: str) -> NameFinder:
    """Raises UsageError where the model cannot be used."""
    need_model(model)
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    try:
        loaded = spacy.load(model)
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"spaCy cannot load {model}: {error}") from error
    if not {"ner", "entity_ruler"} & set(loaded.pipe_names):
        raise UsageError(f"{model} finds no names: its pipeline has no `ner`")
    language = loaded.lang
    engine = SpacyNlpEngine([{"lang_code": language, "model_name": model}])
    engine.nlp = {language: loaded}  # so that presidio loads none, and downloads none
    registry = RecognizerRegistry([SpacyRecognizer(language)], supported_languages=[language])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
    return NameFinder(analyzer, language)
