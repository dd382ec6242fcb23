"""When a certificate expires: as much of X.509 as that takes."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

_SEQUENCE, _TIME_UTC, _TIME_GENERAL, _VERSION = 0x30, 0x17, 0x18, 0xA0
_FIELDS_BEFORE_VALIDITY = 3
"""Serial number, algorithm, issuer (RFC 5280, 4.1)."""


def certificate_end(pem_file: Path) -> float | None:
    """When the first certificate in the file expires, in seconds since 1970; None without one."""
    try:
        text = pem_file.read_text(encoding="ascii")
        first = text[: text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
        return not_after(ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN") :]))
    except (OSError, ValueError):
        return None


def not_after(der: bytes) -> float:
    """The end of a DER certificate's validity (RFC 5280, 4.1), in seconds since 1970; or ValueError."""
    certificate = _inside(der, 0, _SEQUENCE)
    body = _inside(certificate, 0, _SEQUENCE)
    at = _end(body, 0) if body[:1] == bytes([_VERSION]) else 0
    for _ in range(_FIELDS_BEFORE_VALIDITY):
        at = _end(body, at)
    validity = _inside(body, at, _SEQUENCE)
    at = _end(validity, 0)
    start, end = _bounds(validity, at)
    text = validity[start:end].decode("ascii")
    if validity[at] == _TIME_UTC:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif validity[at] != _TIME_GENERAL:
        raise ValueError("no time where the validity should end")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _inside(data: bytes, at: int, tag: int) -> bytes:
    start, end = _bounds(data, at)
    if data[at] != tag:
        raise ValueError(f"tag {data[at]:#x} where {tag:#x} was expected")
    return data[start:end]


def _end(data: bytes, at: int) -> int:
    return _bounds(data, at)[1]


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    if len(data) < at + 2:
        raise ValueError("the certificate is cut off")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start], "big")
    if start + length > len(data):
        raise ValueError("the certificate is cut off")
    return start, start + length
