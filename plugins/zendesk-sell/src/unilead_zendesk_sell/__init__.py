"""The Zendesk Sell provider of unilead."""
