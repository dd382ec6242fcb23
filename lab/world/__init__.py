"""The simulated internet around a lab fleet: DNS from the root down, an ACME authority, mailbox providers."""
