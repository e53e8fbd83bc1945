"""Other programs' logs of requests, read as a stream of rows of one shape.

`read_logs` knows a file by its beginning: LiteLLM's spend logs, OpenTelemetry's GenAI spans, the
runtime's ledger, or a table of times and tokens. A module each reads its format; what nobody understands is
counted with its place and its reason, and the rest still counts. Prompts and answers are never decoded into
a row. What the rows mean for a catalog is `designer.calibrate`.
"""

from designer.logs.read import read_logs
from designer.logs.row import Row, Skipped

__all__ = ["Row", "Skipped", "read_logs"]
