"""How OpenRouter behaves, from its documentation: no live call was made, nothing here is measured.

What the documentation leaves open is decided here and listed as an assumption.
"""

from designer.engine.semantics import Backoff, Row, Semantics
from designer.gateways.openrouter.tables import VERSION

_READ = "OpenRouterTeam/docs, 2026-08-22"

ASSUMPTIONS = (
    "a provider's 400, 413 and 422 are final for its model: the model's next provider is not asked",
    "endpoints in an outage are not known beforehand: OpenRouter would ask them last for 30 seconds",
    "balance weighs prompt and completion prices alike, and picks among the rest by the same weights",
    "requests with tools are balanced by price too: OpenRouter would reorder them by tool quality",
    "attempts have no time limit of their own: OpenRouter's is not documented",
    "allow_fallbacks: false keeps a model's other providers out, not the other models",
    "a guardrail is assigned to the key that the requests are made with",
    "no keys of one's own (BYOK): their endpoints would be asked first, whatever the order",
)

SEMANTICS = Semantics(
    name="openrouter",
    version=VERSION,
    rows=(
        Row(
            f"documented, api_reference/errors-and-debugging ({_READ}): no failover behind content",
            phases=frozenset({"content"}),
            falls=False,
            status=200,
        ),
        Row(
            f"documented, guides/routing/model-fallbacks and guides/overview/faq ({_READ}): "
            "any error moves on, at once and never to the endpoint that failed",
            retried=True,
            waits=False,
            skips=True,
        ),
    ),
    backoff=Backoff(base_s=0.0),
    reports="last",
    guardrail=403,
    stages=("guard_in", "route", "settle"),
    verified=False,
    basis="its documentation is the table",
    assumptions=ASSUMPTIONS,
)


def semantics(_version: str) -> Semantics:
    """The one table there is: OpenRouter is a service without versions, and changes without notice."""
    return SEMANTICS
