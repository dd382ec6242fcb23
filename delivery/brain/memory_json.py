"""The JSON form of what the brain remembers, so that it survives a restart."""

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from delivery.brain.model import AddressMemory, Memory, PathMemory
from delivery.errors import StateError
from delivery.model import Path

VERSION = 1


class _Path(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    address: str
    isp: str
    memory: PathMemory


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    version: int
    paths: list[_Path]
    addresses: dict[str, AddressMemory]
    doubted: list[str]


_FILE = TypeAdapter(_File)


def render_memory(memory: Memory) -> str:
    """The file's text, paths in order."""
    return _File(
        version=VERSION,
        paths=[_Path(address=path.address, isp=path.isp, memory=one) for path, one in memory.paths.items()],
        addresses=dict(memory.addresses),
        doubted=sorted(memory.doubted),
    ).model_dump_json()


def parse_memory(text: str | bytes) -> Memory:
    """What `render_memory` wrote; StateError when it is anything else."""
    try:
        found = _FILE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise StateError(f"the memory is malformed: {place}: {first['msg']}") from None
    if found.version != VERSION:
        raise StateError(f"the memory is of version {found.version}, not {VERSION}")
    paths = {Path(one.address, one.isp): one.memory for one in found.paths}
    return Memory(paths, found.addresses, frozenset(found.doubted))
