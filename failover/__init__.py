"""Which nodes get traffic: probes, decision, actuators."""
