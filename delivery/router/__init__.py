"""Which transport each recipient's mail takes now: the live map that Postfix's queue manager asks.

Two processes. The front owns the socket that Postfix asks, passes each question to the router and answers
itself when the router is dead or slower than 100 ms. The router knows mail exchangers, and the plan of
delivery.
"""
