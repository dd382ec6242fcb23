"""The evidence a drill leaves: one JSON file for machines, one self-contained page for people."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from drills.analysis import Figures, Verdict
from drills.model import Observation
from drills.picture import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, pictures
from drills.scenario import Scenario

FORMAT = 1


def document(scenario: Scenario, seen: Observation, measured: Figures, verdict: Verdict) -> dict[str, Any]:
    """The whole record as plain data; `format` rises when a reader would have to change."""
    return {
        "format": FORMAT,
        "passed": verdict.passed,
        "scenario": asdict(scenario),
        "figures": asdict(measured),
        "checks": [asdict(check) for check in verdict.checks],
        "observation": asdict(seen),
    }


def page(scenario: Scenario, seen: Observation, measured: Figures, verdict: Verdict) -> str:
    """One HTML page with no reference to anything outside itself."""
    templates = Environment(
        loader=PackageLoader("drills", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["milliseconds"] = _milliseconds
    templates.filters["instant"] = _instant
    return templates.get_template("drill.html.j2").render(
        scenario=scenario,
        seen=seen,
        figures=measured,
        verdict=verdict,
        pictures=pictures(seen),
        events=sorted(seen.events, key=lambda event: event.at),
        frame={
            "width": WIDTH,
            "height": HEIGHT,
            "left": LEFT,
            "right": WIDTH - RIGHT,
            "top": TOP,
            "bottom": HEIGHT - BOTTOM,
        },
    )


def write(
    folder: Path, scenario: Scenario, seen: Observation, measured: Figures, verdict: Verdict
) -> tuple[Path, Path]:
    """Write both forms below `folder`; returns the paths of the JSON file and of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(seen.began_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{moment}-{seen.scenario}-{seen.victim}"
    machine, human = folder / f"{stem}.json", folder / f"{stem}.html"
    machine.write_text(json.dumps(document(scenario, seen, measured, verdict), indent=1) + "\n")
    human.write_text(page(scenario, seen, measured, verdict))
    return machine, human


def _milliseconds(seconds: float | None) -> str:
    return "not seen" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"
