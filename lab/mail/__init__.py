"""Test mail: composing and sending it, and accounting for every message."""
