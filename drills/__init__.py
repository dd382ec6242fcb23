"""Proves it: scenarios, faults, ledger, evidence."""
