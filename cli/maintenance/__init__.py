"""`mtafleet drain | undrain | replace`: nodes out of service on purpose, with nothing lost."""
