"""The cache that a configuration asks for, and what about it is not as it was asked."""

from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.semantics import with_cache
from runtime.cache.answers import Answers
from runtime.cache.question import Reader, is_experiment
from runtime.cache.visit import Kept


def cached(program: Program, answers: Answers | None = None) -> tuple[Program, Kept | None]:
    """The program with a look at its cache, and the cache: `answers`, those kept so far, or none yet.

    None where no route keeps answers. Answers of another configuration stay unread: a question
    is asked of one configuration.
    """
    reader = Reader(program)
    if reader.is_idle:
        return program, None
    stages = with_cache(program.semantics.stages)
    staged = replace(program, semantics=replace(program.semantics, stages=stages))
    return staged, Kept(reader, answers or Answers())


def notes(program: Program) -> tuple[str, ...]:
    """Routes whose cache does less than the configuration says."""
    routing = program.routing
    return tuple(
        f"{route.name} keeps no answers: it has an experiment, and they would be neither arm's"
        for route in routing.routes
        if is_experiment(routing, route) and any(c.covers(route.name) for c in routing.caches)
    )
