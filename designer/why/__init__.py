"""Why a plan is as it is: reasons down to facts, what excludes an alternative, and what would flip it.

`reasons` reads a decision, `edits` is the grid of small changes to a profile, `flip` searches it by planning
anew. Nothing here decides, writes files or knows the command line.
"""
