"""A simulated AWS on loopback: moto's server, mended where the fleet needs it, with faults on demand."""
