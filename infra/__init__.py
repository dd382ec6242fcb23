"""Makes the fleet exist: the Pulumi program, its substrates, and configuration of the nodes."""
