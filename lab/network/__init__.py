"""The lab's network: sites behind routers, links between regions, addresses of machines."""
