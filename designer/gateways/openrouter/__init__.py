"""OpenRouter: one hosted API that performs a route's chain on its own side.

A route is one request body. `openrouter(directory)` makes the dialect for a list of endpoints;
`OPENROUTER` uses the catalog's. `with_policy` tells it what the profile demands of data handling.
"""

from functools import partial

from designer.gateways.base import Gateway, Passthrough, later
from designer.gateways.openrouter.directory import Directory, Endpoint, from_catalog
from designer.gateways.openrouter.lacks import lacks
from designer.gateways.openrouter.policy import constrain, with_policy
from designer.gateways.openrouter.tables import HONOURED, VERSION

__all__ = ["OPENROUTER", "Directory", "Endpoint", "from_catalog", "openrouter", "with_policy"]


def openrouter(directory: Directory) -> Gateway:
    return Gateway(
        name="openrouter",
        title="OpenRouter",
        version=VERSION,
        folder="openrouter",
        lacks=lacks(directory),
        lower=partial(later(f"{__name__}.lower", "lower"), directory),
        parse=partial(later(f"{__name__}.parse", "parse"), directory),
        recognises=later(f"{__name__}.sources", "recognises"),
        semantics=later(f"{__name__}.semantics", "semantics"),
        artefacts=later(f"{__name__}.artefacts", "artefacts"),
        secrets=later(f"{__name__}.artefacts", "secrets"),
        passthrough=Passthrough(
            place=later(f"{__name__}.passthrough", "place"),
            carry=later(f"{__name__}.passthrough", "carry"),
            reference="env:{}",
        ),
        constrain=constrain,
        tells=("models", "provider"),
        honoured=HONOURED,
    )


OPENROUTER = openrouter(from_catalog())
