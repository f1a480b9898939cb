"""Acme for unilead."""
