"""Find what a gateway configuration says that its author cannot have meant.

`run` puts every check to a configuration; each gateway's checks are a package of small functions over
a view of its files, and what concerns the routes of any gateway is in `routes`. A rule is data (a
`Rule` with a code, a reason and a source) beside the function that finds its breaches, and has two
files in `examples/`: one that breaks it and one that does not. What reading a file already found
(`PAR5xx`) is not looked for again.

Severities: an *error* is certainly broken or unsafe, a *warning* does something else than it looks
like, an *information* is advice that one may have reasons not to take.
"""

from designer.lint.run import lint
from designer.lint.subject import Subject

__all__ = ["Subject", "lint"]
