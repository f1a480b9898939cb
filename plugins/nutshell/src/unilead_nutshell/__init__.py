"""The Nutshell provider of unilead."""
