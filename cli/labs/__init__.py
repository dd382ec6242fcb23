"""Everything that only labs have: their commands, and the lab as a target of drills."""
