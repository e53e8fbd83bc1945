"""The cache that a configuration asks for, and what about it is not as it was asked."""

from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.semantics import with_cache
from runtime.cache.answers import Answers
from runtime.cache.minilm import MiniLM, lacking
from runtime.cache.question import Reader, is_experiment
from runtime.cache.visit import Encoder, Kept


def cached(program: Program, before: Kept | None = None) -> tuple[Program, Kept | None]:
    """The program with a look at its cache, and the cache, with the answers of the one `before`.

    None where no route keeps answers. Answers of another configuration stay unread: a question
    is asked of one configuration. Raises UsageError for an encoder that is not what was measured.
    """
    reader = Reader(program)
    if reader.is_idle:
        return program, None
    stages = with_cache(program.semantics.stages)
    staged = replace(program, semantics=replace(program.semantics, stages=stages))
    needs_encoder = _compares(program) and not lacking()
    if before is not None and (before.encoder is not None or not needs_encoder):
        return staged, replace(before, reader=reader)
    if not needs_encoder:
        return staged, Kept(reader, Answers())
    from runtime.cache.similar import Shelves  # needs numpy, of the same extra

    encoder: Encoder = MiniLM()
    return staged, Kept(reader, Answers(Shelves()), encoder)


def _compares(program: Program) -> bool:
    return any(cache.mode == "semantic" for cache in program.routing.caches)


def notes(program: Program) -> tuple[str, ...]:
    """Routes whose cache does less than the configuration says."""
    routing = program.routing
    experiments = tuple(
        f"{route.name} keeps no answers: it has an experiment, and they would be neither arm's"
        for route in routing.routes
        if is_experiment(routing, route) and any(c.covers(route.name) for c in routing.caches)
    )
    if not _compares(program) or not lacking():
        return experiments
    said = "the semantic cache answers only the very same request: it lacks " + ", ".join(lacking())
    return (*experiments, f"{said} (pip install 'llm-gateway-designer[semantic]')")
