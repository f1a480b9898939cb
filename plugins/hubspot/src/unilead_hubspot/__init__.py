"""The HubSpot provider of unilead."""
