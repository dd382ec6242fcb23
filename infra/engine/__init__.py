"""The Pulumi engine: which one to use, and the environment it runs in."""

from infra.engine.environment import engine_environment
from infra.engine.errors import EngineError
from infra.engine.locate import Engine, find_engine, require_engine

__all__ = ["Engine", "EngineError", "engine_environment", "find_engine", "require_engine"]
