"""Everything that has to be so before a configuration goes live, as steps that all run.

A step is a function over a `Subject` (a profile, its plan, its emitted folder) and ends in findings;
none stops the next. What cannot be decided is told as inconclusive and never guessed.
"""

from designer.check.model import INCONCLUSIVE, STEPS, Step, Wanted, exit_code
from designer.check.run import check

__all__ = ["INCONCLUSIVE", "STEPS", "Step", "Wanted", "check", "exit_code"]
