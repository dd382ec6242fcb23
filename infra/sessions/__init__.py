"""The way to machines on AWS through Session Manager: no port is open, AWS carries SSH to their agents.

`check` says before work begins what is missing; `proxy` is the program behind ssh's ProxyCommand, and starts
for every connection: nothing is imported here. The AWS CLI is not needed, its `session-manager-plugin` is.
"""
