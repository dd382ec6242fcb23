"""The HTTP API beside each failover daemon: a process of its own that asks the daemon by its status socket.

Whatever its clients do, the daemon's loop is not held up by them, and what listens to the network can read
none of the daemon's keys. Orders are written as `mtafleet-maintenance` writes them; the daemon heeds them
within half a second. One module each: settings, who may do what, HTTP over TLS, the routes and their models,
the description generated from these, metrics.
"""
