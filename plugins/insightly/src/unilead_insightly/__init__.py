"""The Insightly provider of unilead."""
