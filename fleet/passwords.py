"""Password hashes in the `$6$` form of SHA-crypt, which Dovecot and every libc verify.

Written out because Python dropped its own (`crypt`) with 3.13. The method is Ulrich Drepper's
"Unix crypt using SHA-256 and SHA-512".
"""

from hashlib import sha512

ROUNDS = 1000
"""The smallest count there is: stretching protects guessable passwords, ours are random. Dovecot
verifies the hash at each login, and 5,000 rounds would cost about as much as handling the message."""

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT_CHARACTERS = 16


def hash_password(password: str, salt_source: str) -> str:
    """The hash of `password`; the salt follows from `salt_source`, so that the same call gives the same hash.

    `salt_source` must differ from user to user and fleet to fleet; it need not be secret.
    """
    salt = _encode(sha512(salt_source.encode()).digest())[:_SALT_CHARACTERS]
    digest = _digest(password.encode(), salt.encode(), ROUNDS)
    return f"$6$rounds={ROUNDS}${salt}${_encode(digest)}"


def _digest(password: bytes, salt: bytes, rounds: int) -> bytes:
    running = _first(password, salt)
    p = _stretched(sha512(password * len(password)).digest(), len(password))
    s = _stretched(sha512(salt * (16 + running[0])).digest(), len(salt))
    for number in range(rounds):
        odd = number % 2
        block = p if odd else running
        block += s if number % 3 else b""
        block += p if number % 7 else b""
        block += running if odd else p
        running = sha512(block).digest()
    return running


def _first(password: bytes, salt: bytes) -> bytes:
    inner = sha512(password + salt + password).digest()
    block = password + salt + _stretched(inner, len(password))
    bits = len(password)
    while bits:
        block += inner if bits & 1 else password
        bits >>= 1
    return sha512(block).digest()


def _stretched(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _encode(digest: bytes) -> str:
    """64 bytes as 86 characters, in the order SHA-crypt takes them."""
    places = [(0, 21, 42)]
    while len(places) < 21:
        high, middle, low = places[-1]
        places.append((middle + 1, low + 1, high + 1))
    groups = [(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in places]
    groups.append((digest[63], 2))
    return "".join(_ALPHABET[value >> 6 * place & 63] for value, count in groups for place in range(count))
