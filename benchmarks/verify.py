"""How long `designer verify` takes: what is implied, for sets of up to K failed parts, as things grow."""

import time
from decimal import Decimal

from designer.catalog import load_catalog
from designer.gateways.base import Parsed, Terms
from designer.gateways.litellm import LITELLM
from designer.gateways.litellm.semantics import LITELLM_1_106
from designer.gateways.reference import REFERENCE
from designer.ir import Chain, Deployment, Pool, Ref, Retry, Route, Routing, Rung, Target
from designer.load import Config
from designer.verify import Judge, Property, facts

CASES = ((12, 6, 3), (100, 20, 2))
"""Deployments, routes, failed parts."""


def run() -> None:
    for deployments, routes, most in CASES:
        for semantics in (REFERENCE, LITELLM_1_106):
            routing = organisation(deployments, routes)
            terms = {d.id: Terms("", Decimal(1), Decimal(2)) for d in routing.deployments}
            config = Config(LITELLM, Parsed("litellm", routing, semantics, terms))
            start = time.process_time()
            properties = [
                Property("survives", most, str(most)),
                Property("refusal", "final", "final"),
                Property("attempts", 12.0, "<= 12"),
                Property("priced", True, "true"),
            ]
            verdicts = list(Judge(facts(config, load_catalog().date)).verdicts(properties))
            seconds = time.process_time() - start
            held = sum(verdict.outcome == "holds" for verdict in verdicts)
            print(
                f"K = {most}, {deployments:3} deployments, {routes:2} routes, {semantics.name:10}"
                f" {seconds:6.2f} s   {held} of {len(verdicts)} hold"
            )


def organisation(deployments: int, routes: int) -> Routing:
    """Routes of one pool with a retry; those with even numbers fall back to the next, and then the last."""
    size = deployments // routes
    listed = [
        Deployment(
            f"r{n // size}/d{n}", f"provider-{n % 4}", f"model-{n % 3}", timeout_s=30.0,
            secret=f"env:KEY_{n % 4}", region=f"region-{n % 5}",
        )
        for n in range(routes * size)
    ]  # fmt: skip
    trees = []
    for r in range(routes):
        own = Pool(tuple(Target(d.id) for d in listed[r * size : (r + 1) * size]))
        names = () if r % 2 else (f"r{r + 1}", f"r{routes - 1}")
        others = tuple(Rung(Ref(name)) for name in dict.fromkeys(names))
        trees.append(Route(f"r{r}", Chain((Rung(Retry(own, 1)), *others))))
    return Routing(tuple(trees), tuple(listed))
