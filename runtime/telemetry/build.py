"""Who is told of requests, by what a configuration and the command line say."""

from typing import Literal

from designer.ir import Telemetry
from runtime.telemetry.log import JsonLog
from runtime.telemetry.otel import OpenTelemetry, lacking
from runtime.telemetry.record import Listener


def listeners(telemetry: Telemetry | None, log: Literal["none", "json"]) -> tuple[Listener, ...]:
    """Beside the counters at `/metrics`, which are always kept."""
    found: list[Listener] = [JsonLog()] if log == "json" else []
    if _exports(telemetry) and not lacking():
        found.append(OpenTelemetry())
    return tuple(found)


def notes(telemetry: Telemetry | None) -> tuple[str, ...]:
    """What is told less, or less of, than the configuration says."""
    found = []
    if _exports(telemetry) and lacking():
        need = "pip install 'llm-gateway-designer[otel]'"
        found.append(f"OpenTelemetry is told nothing: its packages are not installed ({need})")
    if telemetry is not None and telemetry.prompts != "never":
        found.append("the text of requests and answers is written down nowhere here")
    return tuple(found)


def _exports(telemetry: Telemetry | None) -> bool:
    return telemetry is not None and "otel" in telemetry.exporters
