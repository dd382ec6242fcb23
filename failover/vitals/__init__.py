"""How this machine is: counted by a small process of its own, so that a long queue never stops the daemon.

`python3 -m failover.vitals` (the unit `mtafleet-vitals`) writes one file every few seconds; the daemon reads
it, adds how late it runs itself, and tells its peers.
"""
