"""The Pipeliner provider of unilead."""
