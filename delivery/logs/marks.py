"""What tells a queue identifier from other words."""

SEVERITIES = frozenset({"warning", "error", "fatal", "panic"})
_NO_QUEUE_IDS = SEVERITIES | {
    "statistics",
    "NOQUEUE",
    "info",
    "reject",
    "master",
    "Deleted",
    "Requeued",
    "Released",
    "Expired",
}
_LONGEST_QUEUE_ID = 20


def queue_id_length(text: str) -> int:
    """How long the queue identifier is that `text` begins with; 0 when it begins with none.

    Short ones are hexadecimal; long ones (`enable_long_queue_ids`) have digits and most letters.
    """
    end = text.find(": ", 0, _LONGEST_QUEUE_ID + 2)
    if end < 5 or not text[:end].isalnum() or text[:end] in _NO_QUEUE_IDS:
        return 0
    return end
