"""The APIs that clients speak to the runtime. A surface is a value; adding one is a line here."""

from collections.abc import Mapping
from typing import Final

from runtime.surface.base import Body, StreamShape, Surface, Worded
from runtime.surface.chat import CHAT, EMBEDDINGS
from runtime.surface.messages import MESSAGES
from runtime.surface.responses import RESPONSES

SURFACES: Final[Mapping[str, Surface]] = {
    surface.path: surface for surface in (CHAT, EMBEDDINGS, RESPONSES, MESSAGES)
}

__all__ = ["SURFACES", "Body", "StreamShape", "Surface", "Worded"]
