"""Tables of requests that say no more than when, and how many tokens: public traces, for instance.

Known headers are the Azure LLM inference traces' (`TIMESTAMP,ContextTokens,GeneratedTokens`, CC-BY-4.0,
github.com/Azure/AzurePublicDataset) and plain words. Further columns are not read, except a model's name.
"""

from collections.abc import Callable, Sequence
from typing import Final

from designer.logs.litellm import seconds
from designer.logs.row import Row, count, moment

TIME: Final = ("timestamp", "time", "at", "arrived_at")
INPUT: Final = (
    "contexttokens",
    "input_tokens",
    "prompt_tokens",
    "inputtokens",
    "num_prefill_tokens",
)
OUTPUT: Final = (
    "generatedtokens",
    "output_tokens",
    "completion_tokens",
    "outputtokens",
    "num_decode_tokens",
)
_MODEL: Final = ("model",)


def table(header: Sequence[str]) -> Callable[[list[str]], Row] | None:
    """A reader of the table's rows, when these are its columns."""
    names = [name.strip().lower().replace(" ", "_") for name in header]
    at, into, out = (_place(names, words) for words in (TIME, INPUT, OUTPUT))
    model = _place(names, _MODEL)
    if at is None or into is None or out is None:
        return None

    def read(cells: list[str]) -> Row:
        return Row(
            at_s=_time(cells[at]),
            model="" if model is None else cells[model],
            input_tokens=count(cells[into]),
            output_tokens=count(cells[out]),
        )

    return read


def _place(names: Sequence[str], words: Sequence[str]) -> int | None:
    return next((names.index(word) for word in words if word in names), None)


def _time(cell: str) -> float:
    """A date and time (UTC unless it says otherwise), or seconds."""
    return seconds(cell.strip()) if ":" in cell else moment(cell)
