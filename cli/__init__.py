"""The `mtafleet` command."""
