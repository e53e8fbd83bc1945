"""Many aliases with many deployments: lower, render, validate and read back, per gateway."""

import time

from designer.diagnostics import Report
from designer.emit import render
from designer.gateways.legalize import legalize
from designer.gateways.registry import GATEWAYS
from designer.ir import ANY, Chain, Cooldown, Deployment, Retry, Route, Routing, Rung, Target
from designer.validate import check_files

DEPLOYMENTS = 10


def run() -> None:
    for gateway in GATEWAYS.values():
        taken = []
        for aliases in (75, 150, 300):
            ideal = routing(aliases)
            start = time.perf_counter()
            legal = legalize(ideal, gateway, Report())
            files = gateway.lower(legal, {})
            texts = {file.path: render(gateway.folder, file) for file in files}
            report = Report()
            check_files(gateway, legal, files, texts, report)
            assert not report.has_errors, next(iter(report))
            taken.append((aliases, time.perf_counter() - start))
        line = "   ".join(f"{n} × {DEPLOYMENTS}: {seconds:5.2f} s" for n, seconds in taken)
        print(f"{gateway.name:14} {line}")


def routing(aliases: int) -> Routing:
    routes, deployments = [], []
    for a in range(aliases):
        own = [
            Deployment(
                id=f"alias-{a}/openai-{d}/gpt-5.4",
                provider="openai",
                model="gpt-5.4",
                secret=f"env:KEY_{d}",
                timeout_s=30.0,
                first_token_s=10.0,
                cooldown=Cooldown(30.0, 1),
            )
            for d in range(DEPLOYMENTS)
        ]
        rungs = tuple(Rung(Retry(Target(d.id), 1), ANY) for d in own)
        routes.append(Route(f"alias-{a}", Chain(rungs), deadline_s=60.0, attempts_limit=4))
        deployments += own
    return Routing(tuple(routes), tuple(deployments))
