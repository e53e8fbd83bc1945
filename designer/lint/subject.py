"""What a check looks at: a configuration that has been understood, and the day on which it is judged."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property

from msgspec import Struct

from designer.catalog import Catalog, Offering, load_catalog
from designer.diagnostics import Place
from designer.gateways.base import Parsed
from designer.ir import Deployment, Routing
from designer.lint.known import Known, known
from designer.load import Config


class Subject(Struct, frozen=True, dict=True):
    config: Config
    as_of: date
    """Which facts count, and what has been retired by now."""

    @property
    def parsed(self) -> Parsed:
        return self.config.parsed

    @property
    def routing(self) -> Routing:
        return self.config.parsed.routing

    @property
    def version(self) -> str:
        """Of the gateway: the one asked for, else the one that its table was measured on."""
        return self.config.parsed.semantics.version

    @property
    def catalog(self) -> Catalog:
        return load_catalog()

    def offering(self, deployment: Deployment) -> Offering | None:
        """What the catalog knows the deployment as."""
        return self._offerings[deployment.id]

    @cached_property
    def _offerings(self) -> Mapping[str, Offering | None]:
        return {d.id: self.config.offering(d) for d in self.routing.deployments}

    @cached_property
    def known(self) -> Mapping[str, Known]:
        """What is known of each deployment, by id."""
        listed = self.routing.deployments
        return {d.id: known(self.config, d, self.as_of) for d in listed}

    def place(self, name: str) -> Place:
        """Where a route (by name) or a deployment (by id) stands."""
        return self.parsed.places.get(name, Place(path=name))
