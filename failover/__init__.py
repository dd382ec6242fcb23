"""Which nodes and addresses get traffic: probes, decision, actuators.

    probes ──results──> decide (pure) ──Decision──> HAProxy socket (this node's front door, at once)
                                                └─> DNS UPDATE (the elected writer, every primary)

The daemon is `python3 -m failover`; it depends on the standard library and dnspython only.
"""
