"""The fleet's way of failing over beside what others use: same nodes, same faults, same client."""
