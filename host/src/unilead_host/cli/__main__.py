"""``python -m unilead_host.cli``, where the command is not on the path."""

from unilead_host.cli import main

main()
