"""Facts about models and where they are sold: limits, prices, regions, contracts, names.

`model` says what the facts are and answers questions about them, `load` reads the packaged file and
a user's overlay, `view` makes rows for `designer catalog`, `update` regenerates the file. Every fact
names its source and its day. Nothing here chooses: that is `designer.planner`.
"""

from designer.catalog.load import forget_catalog, load_catalog
from designer.catalog.model import (
    Catalog,
    Fact,
    Model,
    Names,
    Offering,
    Price,
    Provider,
    add_custom_offering,
)

__all__ = [
    "Catalog",
    "Fact",
    "Model",
    "Names",
    "Offering",
    "Price",
    "Provider",
    "add_custom_offering",
    "forget_catalog",
    "load_catalog",
]
