"""The HTTP host of unilead: it learns of providers from the registry and knows none by name."""

from unilead_host import version

__version__ = version.VERSION
