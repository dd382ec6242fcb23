"""Handing the queued mail of a drained node to its peers, message by message. Runs on that node, as root.

Nothing of the node's configuration changes and nothing is left to undo, whenever this ends and however:

1. A message that waits is taken by the exclusive lock that Postfix itself uses on queue files: its queue
   manager passes such a message over ("skipped, still being delivered"), and so does another hand-over.
2. It goes to a peer, whose certificate must prove its name, with the envelope it has: to all recipients that
   are still to be served, or not at all.
3. Only after the peer's 250 the message is deleted here, still under the lock.

The kernel ends a lock with the process that holds it. Killed before the deletion, the message is simply still
there: at worst the peer has it too, at most one for each session under way.
"""
