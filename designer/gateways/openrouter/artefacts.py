"""What is deployed beside the requests: the client module that sends them."""

from collections.abc import Mapping, Sequence

from designer.gateways.base import File, Terms
from designer.gateways.openrouter.folders import ROOT
from designer.ir import Routing


def artefacts(
    _routing: Routing, _terms: Mapping[str, Terms], name: str, _files: Sequence[File]
) -> tuple[File, ...]:
    return (File(f"{ROOT}/client.py", "client.py.j2", {"name": name}),)
