"""Return paths: the envelope senders that bring bounces back to the message they are about.

The signer on each node gives every message `bounce+TOKEN@RETURN-PATH-DOMAIN`. TOKEN is 30 hexadecimal
digits: 8 for the time in seconds, 8 at random, 14 of a keyed BLAKE2b hash of those 16. Nobody else can
make one, so a forged bounce is told from a real one. The domain is that of the message's From header, which
keeps SPF aligned; the token names one message, whatever the number and length of its recipients' addresses,
where a recipient written into the return path would soon exceed the 64 characters of a local part.
"""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime

LOCAL_PART = "bounce"
TOKEN_PATTERN = "[0-9a-f]{30}"  # noqa: S105  (a pattern, not a secret)
_LABEL = b"mtafleet return path"
_STEM_DIGITS = 16


def return_path_key(shared_secret: str) -> str:
    """The fleet's key for tokens, 32 hexadecimal digits, derived from its TSIG secret (base64).

    All nodes derive the same, so that any of them knows what another has sent.
    """
    return hmac.new(base64.b64decode(shared_secret), _LABEL, hashlib.sha256).hexdigest()[:32]


def token_time(token: str, key: str) -> datetime | None:
    """When the message with this token was accepted; None when the token is not one of ours."""
    if not re.fullmatch(TOKEN_PATTERN, token):
        return None
    stem, mark = token[:_STEM_DIGITS], token[_STEM_DIGITS:]
    whole = hashlib.blake2b(stem.encode(), key=key.encode(), digest_size=64).hexdigest()
    if not hmac.compare_digest(whole[: len(mark)], mark):
        return None
    return datetime.fromtimestamp(int(stem[:8], 16), UTC)
