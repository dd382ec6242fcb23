"""Postfix's log lines as typed events, and deliveries among them as attempts."""

from delivery.logs.attempts import Attempts
from delivery.logs.parser import LogParser

__all__ = ["Attempts", "LogParser"]
