"""The state diagram in docs/failover.md is the one that the decision draws itself."""

from fleet.paths import project_root
from tests.failover.diagram import mermaid


def test_the_documented_diagram_is_drawn_from_the_code() -> None:
    page = (project_root() / "docs" / "failover.md").read_text()
    drawn = page.partition("```mermaid\n")[2].partition("\n```")[0]
    assert drawn == mermaid(), "python -m tests.failover.diagram prints what belongs there"
