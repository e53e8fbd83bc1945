"""From a file to the files that it names: what a configuration includes, what a service is given.

Only what lies in the folder that was given is read; what cannot be followed is a finding.
"""

import posixpath
from collections.abc import Mapping

from msgspec import Struct, field

from designer.containers.compose import mounts
from designer.containers.embedded import Source, whole_file
from designer.containers.folder import Folder
from designer.containers.images import is_gateways
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import read_stream, read_yaml
from designer.gateways.base import Gateway

NOT_INCLUDED = Rule(
    "PAR506",
    Severity.ERROR,
    "{file} is included here, and {problem}",
    "LiteLLM 1.106.2 does not start without the files that its configuration includes (read in "
    "proxy_server.py, 2026-11-24); what they say counts like the rest.",
    instead="the configuration is read without it",
    help="put the file beside this one, or give the folder that holds both",
)
INCLUDED_TWICE = Rule(
    "PAR507",
    Severity.WARNING,
    "{file} has been included before",
    "LiteLLM 1.106.2 reads each file once, also when includes run in a circle (read in "
    "config_includes.py, 2026-11-24).",
    instead="it counts once, where it was named first",
    help="delete one of the two",
)
NOT_FOLLOWED = Rule(
    "PAR508",
    Severity.WARNING,
    "this service reads its configuration from {inside}, and {problem}",
    "What the gateway will read stands in a file that cannot be looked at from here.",
    instead="the service is left out",
    help="give the configuration itself, or the folder that holds both",
)


def mounted(texts: Mapping[str, str], folder: Folder, report: Report) -> dict[str, str]:
    """The further files that compose files in `texts` start their services with, by path."""
    found: dict[str, str] = {}
    for file, text in texts.items():
        if "--config" not in text and "-c" not in text or file.endswith(".json"):
            continue
        for _, document in read_stream(text, file, Report()):
            for mount in mounts(document.value):
                local = posixpath.join(posixpath.dirname(file), mount.local or "")
                local = posixpath.normpath(local)
                why = folder.why_not(local) if mount.local else "nothing is mounted there"
                if not why:
                    found |= {} if local in texts else {local: folder.read(local)}
                elif is_gateways(mount.image):
                    place = document.place(*mount.at)
                    report.add(NOT_FOLLOWED, place, inside=mount.inside, problem=why)
    return found


def with_included(
    first: Source, known: Mapping[str, Source], gateway: Gateway, folder: Folder, report: Report
) -> tuple[Source, ...]:
    """`first` and the sources that it includes, in the order in which they are read."""
    following = _Following(gateway, first, known, folder, report)
    following.run()
    return tuple(following.found.values())


class _Following(Struct):
    gateway: Gateway
    first: Source
    known: Mapping[str, Source]
    """By normal path: what has been read already."""
    folder: Folder
    report: Report
    found: dict[str, Source] = field(default_factory=dict)

    def run(self) -> None:
        pending = [self.first]
        self.found[posixpath.normpath(self.first.key)] = self.first
        while pending:
            source = pending.pop(0)
            includes = self.gateway.includes
            entries = includes(source.value, source.key, self.first.key) if includes else ()
            for index, paths in enumerate(entries):
                pending += self._include(source, index, paths)

    def _include(self, source: Source, index: int, paths: tuple[str, ...]) -> list[Source]:
        file = paths[0].rpartition("/")[2]
        path = next((p for p in paths if p in self.known or not self.folder.why_not(p)), None)
        if path is None:
            place = _entry(source, index)
            self.report.add(NOT_INCLUDED, place, file=file, problem=self.folder.why_not(paths[0]))
            return []
        if path in self.found:
            self.report.add(INCLUDED_TWICE, _entry(source, index), file=file)
            return []
        self.found[path] = self.known.get(path) or whole_file(path, self.folder.read(path))
        return [self.found[path]]


def _entry(source: Source, index: int) -> Place:
    """Where an entry of `include` stands."""
    document = read_yaml(source.text(), source.key, Report())
    place = document.place("include", index) if document else Place(source.key)
    return source.move(place) if source.move else place
