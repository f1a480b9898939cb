"""Runs the command line as ``python -m unilead``."""

from unilead.cli import main

main()
