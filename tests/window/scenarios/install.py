"""A newcomer: the zip from the disk by the Preferences' own operator, the worker's Python, the first take."""

from pathlib import Path

import bpy
from bpy.types import Area, Window

from .. import solving
from ..hands import Steps, Until
from ..report import Report
from ..user import User
from . import MODULE
from .readme import picture
from .solve import solve_by_mouse

INSTALL_LIMIT_S = 60.0
CHECK_LIMIT_S = 120.0  # for a Python's own word on its packages
SEEN_S = 1.5  # until a new window is drawn


def installed_by_mouse(user: User, report: Report) -> Steps:
    """Install from Disk in a Blender that never saw the add-on; then a take in five clicks."""
    package = Path(report.settings["package"])
    report.check("the add-on is not there before", MODULE not in bpy.context.preferences.addons)
    with user.override('WINDOW'):
        bpy.ops.screen.userpref_show('INVOKE_DEFAULT', section='EXTENSIONS')
    yield from go_to(user, 'PREFERENCES')
    with user.override('WINDOW'):
        bpy.ops.extensions.package_install_files('INVOKE_DEFAULT')
    yield from go_to(user, 'FILE_BROWSER')
    window, area = editor_of('FILE_BROWSER')
    area.spaces[0].params.directory, area.spaces[0].params.filename = bytes(package.parent), package.name
    yield SEEN_S
    yield from picture(user, report, "install", 0.0)
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.file.execute()
    yield Until(lambda: MODULE in bpy.context.preferences.addons, "the add-on", INSTALL_LIMIT_S)
    report.check("it is installed and enabled", True, package.name)
    yield from go_to(user, 'PREFERENCES')
    yield from user.look("installed")
    yield from name_python(user, report)
    with user.override('WINDOW'):
        bpy.ops.wm.window_close()
    yield SEEN_S
    user.window_number, user.editor = 0, 'VIEW_3D'
    yield from user.begin()
    yield from solve_by_mouse(user, report)


def name_python(user: User, report: Report) -> Steps:
    """Name the worker's Python on the add-on's page, and read what is said of it."""
    with user.override('WINDOW'):
        bpy.ops.preferences.addon_show(module=MODULE)
    yield SEEN_S
    solving.addon("ui.preferences").preferences().worker_python = report.settings["python"]
    findings = solving.addon("ui.installation").python_findings
    yield Until(lambda: findings.job is None and findings.lines, "what the Python has", CHECK_LIMIT_S)
    bad = [f"{line.subject}: {line.text}" for line in findings.lines if line.state == "bad"]
    report.check("the Python that was named has what it needs", not bad, "; ".join(bad))
    yield SEEN_S
    yield from user.look("preferences")


def editor_of(kind: str) -> tuple[Window, Area] | None:
    """Return the window and the area of an editor; None where it is not open."""
    shown = ((window, area) for window in bpy.data.window_managers[0].windows for area in window.screen.areas)
    return next((place for place in shown if place[1].type == kind), None)


def go_to(user: User, kind: str) -> Steps:
    """Go to the window of an editor, once it is open."""
    yield Until(lambda: editor_of(kind) is not None, f"the editor {kind}")
    yield SEEN_S
    window, _ = editor_of(kind)
    user.window_number, user.editor = list(bpy.data.window_managers[0].windows).index(window), kind
    yield from user.begin()
