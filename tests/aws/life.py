"""What every resource goes through: made, unchanged, read back, changed, removed."""

from collections.abc import Mapping

from providerkit.values import Json
from tests.aws.driver import Driver, Made


def born(driver: Driver, token: str, inputs: Mapping[str, Json], name: str = "one") -> Made:
    """Create a resource; what was asked for is what is found, and a refresh finds nothing else."""
    made = driver.create(token, name, inputs)
    assert driver.diff(made, inputs) == {}, made.state
    read = driver.read(made)
    assert read is not None
    assert (read.state, read.inputs) == (made.state, made.inputs)
    return made


def changed(driver: Driver, made: Made, change: Mapping[str, Json]) -> set[str]:
    """Change inputs in place (None takes one away); return which differed beforehand."""
    wanted = {name: value for name, value in {**made.inputs, **change}.items() if value is not None}
    different = driver.diff(made, wanted)
    assert not any("REPLACE" in kind for kind in different.values()), different
    driver.update(made, wanted)
    assert driver.diff(made, wanted) == {}, made.state
    read = driver.read(made)
    assert read is not None
    assert driver.diff(read, wanted) == {}, read.state
    return set(different)


def replaces(driver: Driver, made: Made, change: Mapping[str, Json]) -> set[str]:
    """Return which of the changed inputs ask for a new resource."""
    different = driver.diff(made, {**made.inputs, **change})
    return {name for name, kind in different.items() if "REPLACE" in kind}


def imported(driver: Driver, made: Made, identity: str | None = None) -> None:
    """Reading the resource by its id alone finds what was made, and the same inputs then change nothing."""
    found = driver.imported(made.token, made.name, identity or made.id)
    assert found is not None
    assert set(driver.diff(found, made.inputs)) <= set(made.inputs) - set(found.state)


def gone(driver: Driver, made: Made) -> None:
    """Remove a resource, twice: the second time it is gone already."""
    driver.delete(made)
    assert driver.read(made) is None
    driver.delete(made)
