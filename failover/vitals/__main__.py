"""`python3 -m failover.vitals`: collect this machine's figures until stopped."""

from failover.vitals.collect import Collector, Places

if __name__ == "__main__":
    Collector(Places()).run()
