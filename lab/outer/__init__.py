"""The outer namespace: one pid, mount, network, uts and ipc namespace that holds a whole lab."""
