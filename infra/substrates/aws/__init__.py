"""A fleet on AWS: two stacks, the foundation that outlives machines and the fleet upon it.

Everything is made by resource classes of `pulumi_aws`, with one explicit provider for each region and no
look-ups: a region whose API is dead can be left out, and a preview asks nothing of AWS. Nothing here is
imported unless a stack on AWS runs.
"""
