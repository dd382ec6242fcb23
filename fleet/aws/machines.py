"""Instance types: what each can bear, from a dated table."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

TABLE = Path(__file__).parent / "instance-types.yaml"


class InstanceLimits(BaseModel):
    """Limits of one instance type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interfaces: int
    addresses_per_interface: int
    """IPv4 addresses of one interface, the primary one included."""
    vcpus: int
    memory_mebibytes: int


@cache
def instance_types() -> dict[str, InstanceLimits]:
    """Every type the table knows."""
    document: dict[str, Any] = yaml.safe_load(TABLE.read_text())
    return {name: InstanceLimits.model_validate(row) for name, row in document["types"].items()}
