"""The Salesforce provider of unilead."""
