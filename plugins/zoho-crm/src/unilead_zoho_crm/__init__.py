"""The Zoho CRM provider of unilead."""
