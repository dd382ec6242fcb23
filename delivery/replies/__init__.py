"""What receivers answer and what it means: raw text to a reply, a reply to its meaning."""

from delivery.replies.classify import UNKNOWN_RULE, Classifier, classify
from delivery.replies.parse import parse_reply

__all__ = ["UNKNOWN_RULE", "Classifier", "classify", "parse_reply"]
