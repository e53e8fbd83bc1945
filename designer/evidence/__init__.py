"""What an auditor needs of an emitted folder: what was decided, on which facts, and what is not shown.

Everything comes from the folder itself, the catalog and the engine; nothing is asked of anybody. The
archive has the same bytes for the same input, and no secret.
"""

from designer.evidence.archive import archive
from designer.evidence.gather import Evidence, gather

__all__ = ["Evidence", "archive", "gather"]
