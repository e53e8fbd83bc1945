"""`python -m designer`."""

from designer.cli import main

main()
