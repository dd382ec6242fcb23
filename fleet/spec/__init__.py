"""The environment file: types, loading, rules, schema."""
