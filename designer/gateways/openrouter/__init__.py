"""OpenRouter: one hosted API that performs a route's chain on its own side.

A route is one request body. `openrouter(directory)` makes the dialect for a list of endpoints;
`OPENROUTER` uses the catalog's. `with_policy` tells it what the profile demands of data handling.
"""

from functools import partial

from designer.gateways.base import Gateway
from designer.gateways.openrouter.artefacts import artefacts
from designer.gateways.openrouter.directory import Directory, Endpoint, from_catalog
from designer.gateways.openrouter.lacks import lacks
from designer.gateways.openrouter.lower import lower
from designer.gateways.openrouter.parse import parse
from designer.gateways.openrouter.policy import constrain, with_policy
from designer.gateways.openrouter.semantics import semantics
from designer.gateways.openrouter.sources import recognises
from designer.gateways.openrouter.tables import HONOURED, VERSION

__all__ = ["OPENROUTER", "Directory", "Endpoint", "from_catalog", "openrouter", "with_policy"]


def openrouter(directory: Directory) -> Gateway:
    return Gateway(
        name="openrouter",
        title="OpenRouter",
        version=VERSION,
        folder="openrouter",
        lacks=lacks(directory),
        lower=partial(lower, directory),
        parse=partial(parse, directory),
        recognises=recognises,
        semantics=semantics,
        artefacts=artefacts,
        constrain=constrain,
        honoured=HONOURED,
    )


OPENROUTER = openrouter(from_catalog())
