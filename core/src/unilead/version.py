"""The version of this distribution, and how requests name it."""

VERSION = "0.1.0"
USER_AGENT = f"unilead/{VERSION}"
