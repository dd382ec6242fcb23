"""Reading Postfix queues: the output of `postqueue -j` for all instances of one node. Pure."""

import json

from lab.mail.ledger import Queued

LIST_COMMAND = ("postmulti", "-g", "mtafleet", "-x", "postqueue", "-j")
"""Lists the queues of every instance of the fleet on a node, one JSON object per line and message."""


def parse_queue(node: str, output: str) -> list[Queued]:
    """Recipients that wait on this node; lines that are no JSON object (warnings) are passed over."""
    found = []
    for line in output.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if not isinstance(message, dict):
            continue
        for recipient in message.get("recipients", []):
            found.append(
                Queued(
                    node=node,
                    queue=str(message.get("queue_name", "")),
                    recipient=str(recipient.get("address", "")),
                    reason=str(recipient.get("delay_reason", "")),
                )
            )
    return found
