"""Types that every part of the environment file is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

LABEL_PATTERN = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"
DOMAIN_PATTERN = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$"
DNS_NAME_PATTERN = r"^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$"
MAILBOX_PATTERN = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
SENDER_PATTERN = r"^[^@\s]*@[^@\s]+\.[^@\s]+$"
HTTPS_PATTERN = r"^https://\S+$"

Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]
"""A DNS label that also serves as a host, region, pool or user name."""

Domain = Annotated[str, StringConstraints(pattern=DOMAIN_PATTERN, max_length=253)]
"""A fully qualified domain name, lower case, without the final dot."""

DnsName = Annotated[str, StringConstraints(pattern=DNS_NAME_PATTERN, max_length=253)]
"""Like Domain, but labels may begin with an underscore."""

Mailbox = Annotated[str, StringConstraints(pattern=MAILBOX_PATTERN)]
Sender = Annotated[str, StringConstraints(pattern=SENDER_PATTERN)]
"""An address a user may send as; `@domain` stands for every address of that domain."""


class Strict(BaseModel):
    """Unknown keys are refused; instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
