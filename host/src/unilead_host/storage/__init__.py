"""Tables, migrations and the database engine."""
