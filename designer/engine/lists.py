"""What a chain's rungs say by their form alone: which are fallbacks, which are lists of other routes.

Questions about trees that the interpreter asks while it walks and the compiler once. Nothing here
knows a call.
"""

from designer.ir import COOLING, Chain, Node, Ref, Rung


def is_further(rung: Rung, index: int) -> bool:
    """Whether a chain goes to this rung for want of an answer from those above.

    Not so a rung that only stands in while those above are cooling, and not a chain of other
    routes, whose rungs speak for themselves.
    """
    if rung.on == COOLING:
        return False
    match rung.child:
        case Ref():
            return True
        case Chain(rungs=(Rung(child=Ref()), *_)):
            return False
        case _:
            return index > 0


def is_hop(rung: Rung) -> bool:
    """Whether going to it is a fallback by itself; to other routes it is each `Ref` below that is."""
    return rung.on != COOLING and not is_list(rung.child)


def is_list(node: Node) -> bool:
    match node:
        case Ref() | Chain(rungs=(Rung(child=Ref()), *_)):
            return True
        case _:
            return False


def list_for(node: Node, failure: str, own: bool = False) -> Chain | None:
    """The other routes that a chain goes on with after this failure of its first rung.

    `own`: leaving out a list that is only for calls that asked for this route.
    """
    if not isinstance(node, Chain):
        return None
    inner = list_for(node.rungs[0].child, failure, own)
    further = (rung for rung in node.rungs[1:] if not (own and rung.asked_only))
    rung = next((rung for rung in further if reaches(rung, failure)), None)
    if inner is not None or rung is None:
        return inner
    match rung.child:
        case Ref() as ref:
            return Chain((Rung(ref),))
        case Chain(rungs=(Rung(child=Ref()), *_)) as listed:
            return listed
        case inside:
            return list_for(inside, failure, own)


def walks_on(node: Node, failure: str) -> bool:
    """Whether this failure of a chain's first rung leads to a further one of its own."""
    further = node.rungs[1:] if isinstance(node, Chain) else ()
    return any(is_hop(rung) and reaches(rung, failure) for rung in further)


def is_good(failure: str) -> bool:
    """Whether it is the status of an answer, which some list made a failure of."""
    return len(failure) == 3 and failure[0] == "2"


def reaches(rung: Rung, failure: str) -> bool:
    """A good answer is only thrown away by its own name, not as one of everything."""
    return failure in rung.on and not (rung.on.all_but and is_good(failure))
