"""Clients of the reference API, unmodified, against the host; they need an environment of their own."""
