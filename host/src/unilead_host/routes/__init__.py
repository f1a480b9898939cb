"""HTTP routes: thin functions that call the services."""
