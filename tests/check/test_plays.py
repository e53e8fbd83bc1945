"""Laws of what is played: parts cover a route, and a call stays within one of its groups."""

from hypothesis import given
from hypothesis import strategies as st

from designer.check.paths import ids_of
from designer.check.plays import REFUSES, Part, Way, groups, parts, play
from designer.engine.events import Request
from designer.gateways.base import Parsed
from designer.gateways.reference import REFERENCE
from designer.ir import Routing
from designer.simulate import Service
from tests.strategies import routings

services = st.builds(
    Service,
    provider=st.sampled_from(["openai", "azure", ""]),
    region=st.sampled_from([None, "eu", "global", "eu-central-1", "us-east-1"]),
)


@given(routings(), st.data())
def test_each_part_is_of_the_route_and_none_stands_twice(
    routing: Routing, data: st.DataObject
) -> None:
    ids = ids_of(routing, routing.routes[0].name)
    known = {id_: data.draw(services) for id_ in ids}

    found = parts(map(routing.deployment, ids), known)

    sets = [part.ids for part in found]
    assert found[0] == Part("nothing")
    assert len(set(sets)) == len(sets)
    assert frozenset[str]().union(*sets) == set(ids)
    assert {frozenset({id_}) for id_ in ids} <= set(sets)


@given(routings(), st.data())
def test_a_zone_of_many_regions_is_no_part(routing: Routing, data: st.DataObject) -> None:
    ids = ids_of(routing, routing.routes[0].name)
    known = {id_: data.draw(services) for id_ in ids}

    named = {part.says for part in parts(map(routing.deployment, ids), known)}

    assert named.isdisjoint({"region eu", "region global", "region None"})


@given(routings(), st.booleans())
def test_a_call_asks_only_within_one_group_of_its_route(routing: Routing, refuses: bool) -> None:
    parsed = Parsed("reference", routing, REFERENCE)
    for route in (route for route in routing.routes if route.name):  # as every alias has
        way = Way("", route.name, Request())
        known = groups(way, routing)
        ids = frozenset(ids_of(routing, route.name))
        assert all(group <= ids for group in known)
        for plays in play(parsed, way, Part("all", ids), REFUSES if refuses else None):
            for one in plays:
                for traced in one.traces:
                    asked = {tried.deployment for tried in traced.attempts}
                    assert any(asked <= group for group in known), (asked, known)
