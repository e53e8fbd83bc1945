"""A calibration as the text of an overlay: each entry with its files, rows and period."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from designer.calibrate.measure import Calibration


def overlay_text(found: Calibration, files: Sequence[str]) -> str:
    """Empty where nothing was measured."""
    named = ", ".join(files)
    sections = {
        "latency": list(_latency(found, named)),
        "usage": list(_usage(found, named)),
        "availability": list(_availability(found, named)),
    }
    listed = [
        f"{name}:\n" + "".join(map(_entry, entries))
        for name, entries in sections.items()
        if entries
    ]
    return "\n".join(listed)


def _entry(values: dict[str, Any]) -> str:
    lines = [f"{key}: {_scalar(value)}" for key, value in values.items()]
    return "  - " + "\n    ".join(lines) + "\n"


def _scalar(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, str | float | int)
        else str(value)
    )


def _latency(found: Calibration, named: str) -> Iterable[dict[str, Any]]:
    for item in found.measured:
        if item.speed is not None:
            yield {
                "applies_to": item.pattern,
                "ttft_p50_s": _rounded(item.speed.ttft_p50_s),
                "tokens_per_s": _rounded(item.speed.tokens_per_s),
                "source": f"{named}: {item.speed.answers} answers, {item.speed.how}, "
                f"{item.since} to {item.until}",
                "observed_on": item.until,
            }


def _usage(found: Calibration, named: str) -> Iterable[dict[str, Any]]:
    for item in found.measured:
        cost = item.usage.usd_per_request
        yield {
            "applies_to": item.pattern,
            "requests": item.usage.answers,
            "input_tokens": item.usage.input_tokens,
            "output_tokens": item.usage.output_tokens,
            **({} if cost is None else {"usd_per_request": _rounded(cost)}),
            "source": f"{named}: {item.usage.answers} answers, {item.since} to {item.until}",
            "observed_on": item.until,
        }


def _availability(found: Calibration, named: str) -> Iterable[dict[str, Any]]:
    for item in found.answered:
        yield {
            "provider": item.provider,
            "share": _rounded(item.share, 8),
            "requests": item.requests,
            "source": f"{named}: {item.failed} of {item.requests} requests failed, "
            f"{item.since} to {item.until}",
            "observed_on": item.until,
        }


def _rounded(number: float, digits: int = 5) -> float:
    """To so many significant digits."""
    return float(f"{number:.{digits}g}")
