"""The page a demonstration leaves: its figures, and the drills' own pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

STYLE = """
:root { --ground:#fbfbf9; --ink:#1d2226; --soft:#5d666e; --line:#dcdfe0; --good:#2b7a66; --bad:#b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ground:#14171a; --ink:#e8eaec; --soft:#9aa4ad; --line:#2d3338; --good:#57b79c; --bad:#ef7d74; } }
body { margin:0 auto; max-width:1080px; padding:32px 20px; background:var(--ground); color:var(--ink);
       font:15px/1.5 system-ui, sans-serif; }
table { border-collapse:collapse; margin:16px 0 32px; }
th { text-align:left; color:var(--soft); font-weight:600; }
th, td { padding:6px 24px 6px 0; border-bottom:1px solid var(--line); font-variant-numeric:tabular-nums; }
td.ok { color:var(--good); } td.bad { color:var(--bad); }
iframe { width:100%; height:1900px; border:1px solid var(--line); border-radius:10px; margin-bottom:24px; }
"""

HEAD = "<tr><th>figure</th><th>measured</th><th>wanted</th><th></th></tr>"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing; `good` None means that nothing was demanded of it."""

    name: str
    value: str
    wanted: str = ""
    good: bool | None = None


def write_report(folder: Path, environment: str, figures: Sequence[Figure], pages: Sequence[Path]) -> Path:
    """Write `demo.html` into `folder` with each drill's page inside; returns its path."""
    rows = "\n".join(_row(figure) for figure in figures)
    # Without scripts the frames keep the height of the style sheet.
    fit = "this.style.height = this.contentDocument.documentElement.scrollHeight + 'px'"
    frames = "\n".join(
        f'<iframe title="drill" onload="{fit}" srcdoc="{escape(page.read_text())}"></iframe>'
        for page in pages
    )
    title = f"Environment {escape(environment)}: what was shown"
    path = folder / "demo.html"
    path.write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>\n"
        f"<h1>{title}</h1>\n<table>\n{HEAD}\n{rows}\n</table>\n{frames}\n"
        "</body></html>\n"
    )
    return path


def _row(figure: Figure) -> str:
    kind, mark = {None: ("", ""), True: ("ok", "ok"), False: ("bad", "not ok")}[figure.good]
    cells = "".join(f"<td>{escape(text)}</td>" for text in (figure.name, figure.value, figure.wanted))
    return f'<tr>{cells}<td class="{kind}">{mark}</td></tr>'
