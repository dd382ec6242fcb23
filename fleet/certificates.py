"""Where a node's certificate lies once the role `tls` has put it there: one for all of the node's names."""

CHAIN_FILE = "/etc/mtafleet/tls/fullchain.pem"
"""The certificate followed by its issuers, PEM."""
KEY_FILE = "/etc/mtafleet/tls/privkey.pem"
"""Its private key, PEM, readable by root only: daemons read it before they drop their rights."""
