"""A world to try a fleet in: machines, network, simulated ISPs, senders."""
