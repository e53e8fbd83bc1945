"""A legal route as a configuration: nested strategies, with retries at the targets.

What a target says of its provider comes from the dialect; every default is written out, except that a
fallback for everything has no list. Names stand where somebody needs them: at each target, its
deployment's id, and at the children of a conditional.
"""

from collections.abc import Callable, Mapping
from typing import Any

from designer.gateways.portkey_config.conditions import query_of
from designer.gateways.portkey_config.lacks import NOBODY, REMEMBERED_S, USER
from designer.gateways.portkey_config.statuses import EVERY, LOST, codes_of
from designer.ir import (
    Chain,
    Deployment,
    Failures,
    Node,
    Pool,
    Retry,
    Routing,
    Split,
    Switch,
    Target,
)

NO_SUCH_TARGET = "no-route"
"""Named by `default` where the vendor's schema wants one and the route has none: status 400 either
way (measured on 1.15.2 and on branch 2.0.0, 2026-11-22)."""

Settings = Callable[[Deployment], Mapping[str, Any]]
"""What a dialect writes for a deployment: provider, credentials, model."""


def config_of(
    node: Node,
    routing: Routing,
    settings: Settings,
    retry_after_keys: tuple[str, ...],
    default_required: bool = False,
) -> dict[str, Any]:
    return _Writer(routing, settings, retry_after_keys, default_required).node(node)


class _Writer:
    def __init__(
        self,
        routing: Routing,
        settings: Settings,
        retry_after_keys: tuple[str, ...],
        default_required: bool,
    ) -> None:
        self.routing = routing
        self.settings = settings
        self.retry_after_keys = retry_after_keys
        self.default_required = default_required

    def node(self, node: Node) -> dict[str, Any]:
        match node:
            case Target(deployment=id_):
                return self._target(id_)
            case Retry(child=Target(deployment=id_)) as retry:
                return self._target(id_) | {"retry": self._retry(retry)}
            case Pool(children=inner, weights=weights):
                targets = [self.node(child) for child in inner]
                for target, weight in zip(targets, weights, strict=False):
                    target["weight"] = _plain(weight)
                return {"strategy": {"mode": "loadbalance"}, "targets": targets}
            case Split(arms=arms, by=by):
                targets = [self.node(arm.child) | {"weight": _plain(arm.share)} for arm in arms]
                return {
                    "strategy": {"mode": "loadbalance", "sticky": _sticky(by)},
                    "targets": targets,
                }
            case Chain(rungs=rungs):
                strategy: dict[str, Any] = {"mode": "fallback"}
                if len(rungs) > 1 and rungs[1].on != EVERY:
                    strategy["on_status_codes"] = codes_of(rungs[1].on)
                return {"strategy": strategy, "targets": [self.node(r.child) for r in rungs]}
            case Switch() if node == NOBODY:
                return {"strategy": {"mode": "loadbalance"}, "targets": []}
            case Switch():
                return self._switch(node)
            case _:
                raise AssertionError(f"legalize left a {type(node).__name__}")

    def _target(self, id_: str) -> dict[str, Any]:
        deployment = self.routing.deployment(id_)
        target = {"name": id_, **self.settings(deployment)}
        if deployment.timeout_s is not None:
            target["request_timeout"] = round(deployment.timeout_s * 1000)
        return target

    def _retry(self, retry: Retry) -> dict[str, Any]:
        return {
            "attempts": retry.retries,
            "on_status_codes": codes_of(_without_lost(retry.on)),
            **dict.fromkeys(self.retry_after_keys, retry.honours_retry_after),
        }

    def _switch(self, switch: Switch) -> dict[str, Any]:
        targets: dict[str, dict[str, Any]] = {}
        names: dict[Node, str] = {}
        taken = {_direct_name(child) for child in _children(switch)} - {None}
        conditions = []
        for number, case in enumerate(switch.cases, start=1):
            name = self._named(case.child, f"case-{number}", names, targets, taken)
            conditions.append({"query": query_of(case.when), "then": name})
        strategy: dict[str, Any] = {"mode": "conditional", "conditions": conditions}
        if switch.otherwise is not None:
            name = self._named(switch.otherwise, "otherwise", names, targets, taken)
            strategy["default"] = name
        elif self.default_required:
            strategy["default"] = _free(NO_SUCH_TARGET, {*taken, *targets})
        return {"strategy": strategy, "targets": list(targets.values())}

    def _named(
        self,
        child: Node,
        wish: str,
        names: dict[Node, str],
        targets: dict[str, dict[str, Any]],
        taken: set[str | None],
    ) -> str:
        """The name under which a child of a conditional stands among `targets`."""
        if child in names:
            return names[child]
        name = _direct_name(child)
        if name is not None and name not in targets:
            targets[name] = self.node(child)
        else:
            name = _free(wish, {*taken, *targets})
            inner = self.node(child)
            if "strategy" not in inner:
                inner = {"strategy": {"mode": "single"}, "targets": [inner]}
            targets[name] = {"name": name, **inner}
        names[child] = name
        return name


def _sticky(by: str) -> dict[str, Any]:
    fields = [f"metadata.{USER}" if by == "user" else by]
    return {"enabled": True, "hash_fields": fields, "ttl": REMEMBERED_S}


def _without_lost(on: Failures) -> Failures:
    """Without what is retried anyway, unless its code was asked for."""
    return on if "500" in on else on - LOST


def _direct_name(child: Node) -> str | None:
    match child:
        case Target(deployment=id_) | Retry(child=Target(deployment=id_)):
            return id_
        case _:
            return None


def _children(switch: Switch) -> tuple[Node, ...]:
    rest = () if switch.otherwise is None else (switch.otherwise,)
    return (*(case.child for case in switch.cases), *rest)


def _free(wish: str, taken: set[str | None]) -> str:
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}-{number}"
    return name


def _plain(weight: float) -> float | int:
    return int(weight) if weight == int(weight) else weight
