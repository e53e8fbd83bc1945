"""The one exception tree: what can go wrong that is not a finding about the user's files.

The user's mistakes are diagnostics (see `designer.diagnostics`); only the command line turns
these errors and a report into an exit code.
"""


class DesignerError(Exception):
    """Root of every error that the command line prints without a traceback."""

    exit_code = 70


class UsageError(DesignerError):
    """The call, or a file it names, cannot be used: unreadable, missing, in the way."""

    exit_code = 2


class NetworkError(DesignerError):
    """A port, a gateway process or a connection failed."""

    exit_code = 4
