"""The `mtafleet` provider: keys and secrets made once and kept, encrypted, in the stack's state."""
