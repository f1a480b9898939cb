"""The Pipedrive provider of unilead."""
