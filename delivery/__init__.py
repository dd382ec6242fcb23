"""How each message leaves: what receivers answer, at what pace, from which address, and why."""
