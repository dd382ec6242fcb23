"""The model: what a fleet should be, and all that follows from it. Pure: no sockets, no processes."""
