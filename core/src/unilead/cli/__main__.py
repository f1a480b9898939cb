"""Runs the command line as ``python -m unilead.cli``."""

from unilead.cli import main

main()
