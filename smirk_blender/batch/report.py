"""What came of a job: report.json for programs, report.html for people; both from the clips' folders."""

import base64
import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from ..errors import BatchError
from ..partial import written_whole
from .clips import clips_text
from .job import Clip, Job
from .place import Place
from .progress import duration

REPORT_JSON, REPORT_HTML = "report.json", "report.html"
STATES = ("failed", "open", "done")  # as the report lists them: what is to be done first
THUMBNAIL = "_thumbnail.jpg"
PREVIEW = "_preview.mp4"
TITLES = ("Clip", "State", "Pictures", "Frames", "Gaps", "Confidence", "Speed", "Notes")
LOW_CONFIDENCE = 0.5  # below which a figure is marked
LINKS_SHOWN = 12  # of a clip's files; a mesh a frame makes hundreds
STYLE = """
:root { color-scheme: light dark; --text: #222; --back: #fafafa; --line: #ddd; --faint: #666; --link: #0b57d0;
  --bad: #b00020; --good: #1b6e3c; --mark: #a15500; }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --back: #1b1b1b; --line: #3a3a3a; --faint: #999;
  --link: #8ab4f8; --bad: #ff8a80; --good: #81c995; --mark: #fdb462; } }
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: var(--text); background: var(--back); }
a { color: var(--link); } small { color: var(--faint); }
table { border-collapse: collapse; width: 100%; } tr { vertical-align: top; }
td, th { padding: .4em .8em; border-bottom: 1px solid var(--line); text-align: left; overflow-wrap: anywhere; }
th, td.n { overflow-wrap: normal; white-space: nowrap; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n small { white-space: normal; } td:first-child, td:last-child { min-width: 13em; }
img { display: block; width: 22em; }
.failed { color: var(--bad); } .done { color: var(--good); } .mark { color: var(--mark); }
"""


def clip_facts(out: str | os.PathLike, clip: Clip, keys: Mapping[str, str] | None) -> dict[str, object]:
    """Return what came of a clip: state, figures, files, warnings, and the error where there is one.

    The state is "done", "failed", or "open" where it was not done with this job's settings. Folder and log count from
    the output folder, which may be moved.
    Args:
        keys: of its steps now; None where its footage cannot be read.
    """
    place = Place(out, clip.name)
    record, failure = place.record(), place.failure()
    facts = {"name": clip.name, "video": clip.video, "folder": clip.name}
    if keys is not None and place.is_done(keys):
        warnings = [sentence for sentences in record.warnings.values() for sentence in sentences]
        return facts | {"state": "done", **record.figures, "files": sorted(record.files), "warnings": warnings}
    if failure is not None:
        known = {"step": failure.step, "error": failure.text, "hint": failure.hint}
        return facts | {"state": "failed", **known, "log": f"{clip.name}/{place.log_path.name}"}
    return facts | {"state": "open"}


def write_report(out: str | os.PathLike, job: Job, rows: Sequence[dict], *, seconds: float | None = None) -> Path:
    """Write both reports; return the path of the HTML.

    Args:
        rows: `clip_facts` of every clip.
        seconds: how long the batch took.
    Raises:
        BatchError: the folder cannot be written.
    """
    out = Path(out)
    counts = {state: sum(row["state"] == state for row in rows) for state in STATES}
    content = {"format_version": 1, "job": job.digest, "clips": len(rows), **counts, "rows": list(rows)}
    if seconds is not None:
        content["seconds"] = round(seconds, 1)
    try:
        page = _page(out, rows, counts, seconds)
        for name, text in ((REPORT_JSON, json.dumps(content, indent=1)), (REPORT_HTML, page)):
            with written_whole(out / name) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BatchError(f"Cannot write the report to {out}: {error.strerror or error}. Is the disk full?") from error
    return out / REPORT_HTML


def _page(out: Path, rows: Sequence[dict], counts: Mapping[str, int], seconds: float | None) -> str:
    said = html.escape(f"{clips_text(len(rows))}: " + ", ".join(f"{n} {state}" for state, n in counts.items() if n))
    took = f" in {duration(seconds)}" if seconds is not None else ""
    heads = "".join(f"<th>{title}</th>" for title in TITLES)
    ordered = sorted(rows, key=lambda row: STATES.index(row["state"]))
    lines = "\n".join(_row(out, row) for row in ordered)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{said}: {html.escape(out.name)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{said}</h1>'
        f"<p>{html.escape(str(out))}{took}</p><table><tr>{heads}</tr>\n{lines}\n</table></html>\n"
    )


def _row(out: Path, row: Mapping[str, object]) -> str:
    name, state = str(row["name"]), str(row["state"])
    links, video = _links(out, row), html.escape(str(row["video"]))
    cells = [f"<td>{_title(row)}<br><small>{video}{'<br>' if links else ''}{links}</small></td>"]
    cells.append(f'<td class="{state}">{state}</td>')
    if state != "done":
        step = f"{row['step']}: " if row.get("step") else ""
        text = step + ". ".join(filter(None, (str(row.get("error", "")), str(row.get("hint", "")))))
        return f'<tr>{"".join(cells)}<td colspan="{len(TITLES) - 2}" class="failed">{html.escape(text)}</td></tr>'
    confidence = float(row["confidence"])
    mark = " mark" if confidence < LOW_CONFIDENCE else ""
    seconds = sum(row["seconds"].values())
    gaps = f"{row['gap_frames']}{'' if not row['gaps'] else f'<br><small>{_ranges(row)}</small>'}"
    speed = f"{row['frames'] / seconds:.1f} fps<br><small>{duration(seconds)}</small>" if seconds else ""
    cells.append(f'<td>{_pictures(out, name, row)}</td><td class="n">{row["frames"]}<br>')
    cells.append(f'<small>{row["fps"]:g} fps</small></td><td class="n">{gaps}</td>')
    cells.append(f'<td class="n{mark}">{confidence:.2f}</td><td class="n">{speed}</td>')
    cells.append(f"<td>{'<br>'.join(html.escape(text) for text in row['warnings'])}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _ranges(row: Mapping[str, object]) -> str:
    return ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in row["gaps"])


def _title(row: Mapping[str, object]) -> str:
    """Return the clip's name, leading to its preview video."""
    name = str(row["name"])
    previews = [str(file) for file in row.get("files", ()) if str(file).endswith(PREVIEW)]
    return _link(f"{name}/{previews[0]}", name) if previews else html.escape(name)


def _links(out: Path, row: Mapping[str, object]) -> str:
    """Return what leads to a clip's files and its log, called by what follows its name."""
    name = str(row["name"])
    files = [str(file) for file in row.get("files", ()) if not str(file).endswith((PREVIEW, THUMBNAIL))]
    left = len(files) - LINKS_SHOWN
    shown = files[:LINKS_SHOWN] + ([f"{name}.log"] if (out / name / f"{name}.log").is_file() else [])
    links = [_link(f"{name}/{file}", file.removeprefix(name).lstrip("_. ") or file) for file in shown]
    return " ".join(links) + (f" and {left} more" if left > 0 else "")


def _link(path: str, text: str) -> str:
    return f'<a href="{html.escape(quote(path))}">{html.escape(text)}</a>'


def _pictures(out: Path, name: str, row: Mapping[str, object]) -> str:
    """Return the clip's thumbnails, inside the page."""
    found = []
    for file in row.get("files", ()):
        path = out / name / str(file)
        if path.name.endswith(THUMBNAIL) and path.is_file():
            found.append(f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}">')
    return "".join(found)
