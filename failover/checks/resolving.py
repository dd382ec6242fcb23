"""Names looked up through this node's own resolver, with the ways in which that fails told apart."""

from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from failover.errors import LookUpError

LIFETIME_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """Asks the resolver at `address`; an answer that there is nothing is an answer."""

    address: str = "127.0.0.1"
    port: int = 53
    lifetime_seconds: float = LIFETIME_SECONDS

    async def __call__(self, name: str, rdtype: str) -> list[str]:
        """The values as a zone file writes them, none when there are none; LookUpError when nobody says."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [self.address]
        resolver.port = self.port
        try:
            answer = await resolver.resolve(
                dns.name.from_text(name), rdtype, search=False, lifetime=self.lifetime_seconds
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.resolver.NoNameservers:
            raise LookUpError(f"the resolver could not find out {name} {rdtype}") from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            said = f"within {self.lifetime_seconds:g} s" if _is_timeout(error) else f"({error})"
            raise LookUpError(f"the resolver gave no answer {said} for {name} {rdtype}") from None
        return sorted(one.to_text() for one in answer)


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, dns.exception.Timeout)
