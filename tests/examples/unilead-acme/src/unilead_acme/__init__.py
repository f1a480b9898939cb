"""Acme CRM for unilead."""
