"""What a gateway is to this project: a value with what it cannot do, and a few functions.

Gateways know nothing of one another. Everything that needs "all of them" asks the registry.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from msgspec import Struct, field

from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document
from designer.engine.semantics import Semantics
from designer.ir import Guardrail, Routing


class Terms(Struct, frozen=True):
    """What a configuration file may say about a deployment beside how it is routed to.

    Facts, not routing: they round-trip where the gateway has a place for them.
    """

    base_model: str = ""
    """The name under which the gateway's own price table knows the model."""
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    cache_read_usd_per_mtok: Decimal | None = None
    max_input_tokens: int | None = None
    kind: str = "chat"
    """chat | embedding"""
    reason: str = ""
    """Why the planner put it where it is: a comment where the format has comments."""


class File(Struct, frozen=True):
    """One file to write: values for a template, and the schema that its text must satisfy."""

    path: str
    """Below the output folder, `litellm/config.yaml`."""
    template: str
    """Below `templates/<folder>/`."""
    values: Mapping[str, Any]
    """What the file says, value for value; a template only lays it out."""
    schema: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    """Comments by dotted path (`model_list[0].litellm_params.order`), one line each."""


class Parsed(Struct, frozen=True):
    """What a configuration's text means."""

    gateway: str
    routing: Routing
    semantics: Semantics
    terms: Mapping[str, Terms] = field(default_factory=dict)
    """By deployment id."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each deployment (by id) and each route (by name) stands."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Further names of deployments → id, for people and outcome files."""
    unmodelled: tuple[str, ...] = ()
    """Dotted paths of settings whose place is known and that do not change what is simulated."""
    not_analysed: tuple[str, ...] = ()
    """Dotted paths of settings that nothing is known of."""
    settings: int = 0
    """How many settings (leaves) the text holds in all."""
    documents: tuple[Document, ...] = ()
    """The files as they were read, for what a rule wants to see that the Routing does not say."""
    for_request: Callable[[Routing, str, Mapping[str, Any]], tuple[Routing, str]] | None = None
    """What the parameters of a request for a route change for it: a Routing with the routes that it
    takes, and the name of its own. None where a request cannot change anything."""

    @property
    def simulated(self) -> int:
        """How many settings the Routing and the Semantics hold: all that no list names."""
        return self.settings - len(self.unmodelled) - len(self.not_analysed)

    @property
    def summary(self) -> str:
        """What became of the settings, in one line."""
        return (
            f"{self.settings} settings: {self.simulated} simulated, "
            f"{len(self.unmodelled)} checked only, {len(self.not_analysed)} not analysed"
        )


class Placed(Struct, frozen=True):
    """What `passthrough` says in one of a gateway's files."""

    file: File
    key: str | None = None
    """The entry of the gateway's section that it comes from; None where that is the whole section."""


class Passthrough(Struct, frozen=True):
    """How settings that a profile has no word for reach a gateway's own files, and are got from them."""

    place: Callable[[Mapping[str, Any], Mapping[str, bool]], tuple[Placed, ...]]
    """The profile's section for the gateway as parts of files. The aliases come with whether they are
    given; an entry that belongs to none of them is not placed."""
    carry: Callable[[Parsed], Mapping[str, Any]]
    """The section that says the same as what was parsed, whole: every route in it is given."""
    reference: str
    """How a file of this gateway names an environment variable: `os.environ/{}`."""
    yields: frozenset[str] = frozenset()
    """Dotted paths of what is written unasked; there another value is no collision."""
    items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists by dotted path, and the path of what tells their items apart: one that is there already is
    merged with, others are appended."""


class Feature(Struct, frozen=True):
    """Something that a Routing can ask for and not every gateway has."""

    name: str
    """In `designer`'s own words, fit for "cannot express …"."""
    without: Callable[[Routing], Routing]
    """The Routing with the feature taken out; unchanged when it does not ask for it. Idempotent."""
    keys: tuple[str, ...] = ()
    """The profile keys that ask for it (and those below them): its rows in `docs/matrix.md`."""


class Lack(Struct, frozen=True):
    """A feature that a gateway has not, or has only roughly."""

    feature: Feature
    instead: str
    """What the emitted configuration does instead: the end of "cannot express X; …"."""
    source: str
    """Documentation, issue or measurement, with its date."""
    refused: bool = False
    """The loss breaks a promise (redaction, residency) rather than a preference: an error."""
    told: bool = True
    """False: nothing is lost, the same meaning only takes the gateway's own shape."""


class Constraint(Struct, frozen=True):
    """What the profile insists on for one route, for a gateway that chooses endpoints itself."""

    zero_retention: bool = False
    no_training: bool = False
    residency: tuple[str, ...] = ()


def later(module: str, name: str) -> Callable[..., Any]:
    """A function of `module` that is imported when it is first called.

    Choosing a gateway needs every dialect's lacks, but the rest only of the one that is chosen.
    """

    def call(*arguments: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments)

    return call


UNMEASURED = Rule(
    "PAR517",
    Severity.WARNING,
    "{doubt}",
    "Gateways change how they route from one version to the next; a table that was measured holds for "
    "the version that was measured.",
    instead="what is said of the configuration may not be what that version does",
    help="measure it with `designer conform --bin PATH`, or ask for {measured}",
)


class Parse(Protocol):
    def __call__(
        self, files: Mapping[str, str], report: Report, version: str = ""
    ) -> Parsed | None:
        """The meaning of configuration files, by path; None, with findings, when they have none.

        `version` is the gateway's; left out, the one that was measured.
        """


class Gateway(Struct, frozen=True):
    name: str
    """Its token, `portkey-oss`."""
    title: str
    version: str
    """The version this model was measured against, or read from."""
    folder: str
    """Of its templates."""
    lacks: tuple[Lack, ...]
    """Applied in this order by `legalize`."""
    lower: Callable[[Routing, Mapping[str, Terms]], tuple[File, ...]]
    """The configuration files of a legal Routing. Total."""
    parse: Parse
    recognises: Callable[[str, Any], bool]
    """Whether the loaded content of a file (given its path) is a configuration of this gateway."""
    semantics: Callable[[str], Semantics]
    """By version; of an unmeasured one its own or the nearest table, marked unverified."""
    artefacts: Callable[[Routing, Mapping[str, Terms], str, Sequence[File]], tuple[File, ...]]
    """What is deployed beside the configuration, given the plan's name and the configuration's files."""
    secrets: Callable[[Routing, Sequence[File]], Mapping[str, str]]
    """What must be set, or be held by the vendor, before the configuration's files can work → what for."""
    passthrough: Passthrough
    constrain: Callable[[Routing, Mapping[str, Constraint]], Routing] | None = None
    """Writes each route's Constraint (by name) into the Routing, before `legalize`. Only for a gateway
    that chooses among endpoints itself; elsewhere the deployments were chosen to satisfy it."""
    tells: tuple[str, ...] = ()
    """Keys of which a configuration inside another file has one: there it is not enough to be
    recognised, since much else in a manifest looks a little like a configuration."""
    images: tuple[str, ...] = ()
    """Repositories of its container images, without a registry."""
    one_file: bool = False
    """One process reads one file, with what it includes; without this, files are routes of one whole."""
    beside: Callable[[str, Any], bool] | None = None
    """Whether a file, given its path and loaded content, is read with a configuration in its folder."""
    includes: Callable[[Any, str, str], tuple[tuple[str, ...], ...]] | None = None
    """For each file that a loaded file includes, the paths where it is looked for, the best first; given
    the paths of the file itself and of the one that includes began with. None without includes."""
    matches: Callable[[Guardrail, str], bool] | None = None
    """Whether a deny rule, as it is written, is found in a text, by the gateway's own engine; None where
    that is not Python's, and the shared subset answers."""
    honoured: Mapping[str, str] = field(default_factory=dict)
    """Profile keys that this dialect acts on → how; the others are reported by `plan`."""

    def tell_unmeasured(self, version: str, report: Report, place: Place | None = None) -> None:
        """A finding when somebody asks for a version that was not measured."""
        doubt = self.semantics(version).doubt if version else ""
        if doubt:
            measured = f"{self.name}@{self.version}"
            report.add(UNMEASURED, place or Place(), doubt=doubt, measured=measured)
