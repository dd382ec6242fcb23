"""What is known about AWS without asking it: layout of a site, limits, prices. Pure, and data with dates."""
