"""The worker in the preferences: which Python, what it lacks, on which device, and whether it solves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Operator, UILayout

from ..capture.findings import report_text, summary
from ..capture.interpreter import INSTALL, InterpreterCheck, lacks_models
from ..capture.job import Job
from ..capture.protocol import Checked, Failed, Loading, Message, Stopped
from ..errors import SmirkError
from . import jobs, landmark_model
from .doctor import check_job, failure
from .model_files import SHOWN_IN
from .preferences import SMIRK_AP_preferences, log_file, preferences, sections, watchers, worker_arguments
from .surroundings import look_around
from .text import draw_text

ICONS = {"good": 'CHECKMARK', "warning": 'INFO', "bad": 'ERROR'}
ORDER = ("bad", "warning", "good")  # of the findings: what is to be done first
REPORT_NAME = "smirk_report.txt"
NAME_PART = 0.22  # of the width, for what a finding is about
COPY_PART = 0.06  # of the width, for the button beside a command
PATH_PART = 0.8  # of the rest


@dataclass
class Findings:
    """What a check has found so far; `job` while it goes on, and what it is at."""

    job: Job | InterpreterCheck | None = None
    at_work: str = ""
    lines: list[Checked] = field(default_factory=list)

    def start(self, job: Job | InterpreterCheck, at_work: str, lines: Sequence[Checked] = ()) -> None:
        """Forget what was found; begin with these lines and fill up with what a job finds."""
        self.job, self.at_work, self.lines = job, at_work, list(lines)
        jobs.start(job, lambda message: self._take(job, message), lambda ending: self._end(job, ending))

    def _take(self, job: Job | InterpreterCheck, message: Message) -> None:
        if job is not self.job:  # another has taken its place, and this one is being stopped
            return
        if isinstance(message, Loading):
            self.at_work = message.text
        elif isinstance(message, Checked):
            self.lines.append(message)
        jobs.redraw('PREFERENCES')

    def _end(self, job: Job | InterpreterCheck, ending: Message) -> None:
        if job is not self.job:
            return
        if isinstance(ending, Failed):
            self.lines.append(failure(ending))
        elif isinstance(ending, Stopped):
            self.lines.append(Checked("Check", "warning", "Stopped"))
        elif isinstance(job, InterpreterCheck):
            landmark_model.know(lacks_models(job.report))
        self.job = None
        jobs.redraw(*SHOWN_IN)


python_findings, installation_findings = Findings(), Findings()


def check_python() -> None:
    """Look at the worker's Python, in a process of its own."""
    python, site_packages = worker_arguments()
    if python_findings.job is not None:
        python_findings.job.kill()
        python_findings.job = None
    needs = {"landmark_model": bool(preferences().landmark_model), "weights": bool(preferences().weights)}
    job = InterpreterCheck(python, site_packages=site_packages, **needs)
    python_findings.start(job, "Asking it for its packages")


def check_installation() -> None:
    """Have the worker open every model file and solve a few frames, in a process of its own.

    Raises:
        SmirkError: its Python cannot be started, or its log cannot be written.
    """
    lines = look_around()
    try:
        job = check_job(preferences(), log_file("check"))
    except SmirkError as error:  # a report is wanted all the more
        installation_findings.lines = [*lines, Checked("Check", "bad", str(error))]
        raise
    installation_findings.start(job, "Starting the worker", lines)


class CheckOperator:
    """An operator whose findings appear in the preferences; without a window they are waited for."""

    def _report(self, findings: Findings) -> set[str]:
        if bpy.app.background:
            jobs.finish_all()
            for line in findings.lines:
                self.report({'INFO'} if line.state == "good" else {'WARNING'}, f"{line.subject}: {line.text}")
        return {'FINISHED'}


class SMIRK_OT_check_python(CheckOperator, Operator):
    bl_idname = "smirk.check_python"
    bl_label = "Check"
    bl_description = "Ask the worker's Python which packages it has, and say how to install what it lacks"

    def execute(self, context: Context) -> set[str]:
        check_python()
        return self._report(python_findings)


class SMIRK_OT_check_installation(CheckOperator, Operator):
    bl_idname = "smirk.check_installation"
    bl_label = "Check Installation"
    bl_description = "Open every model file, solve a few frames of the sample clip, and say what works"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if installation_findings.job is not None:
            cls.poll_message_set("A check is going on. Wait for it, or cancel it")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            check_installation()
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        return self._report(installation_findings)


class SMIRK_OT_cancel_check(Operator):
    bl_idname = "smirk.cancel_check"
    bl_label = "Cancel Check"
    bl_description = "Stop the checks that are going on"
    bl_options = {'INTERNAL'}

    def execute(self, context: Context) -> set[str]:
        for findings in (python_findings, installation_findings):
            if findings.job is not None:
                findings.job.ask_to_stop()
        return {'FINISHED'}


class SMIRK_OT_copy_text(Operator):
    bl_idname = "smirk.copy_text"
    bl_label = "Copy"
    bl_description = "Copy this text to the clipboard"
    bl_options = {'INTERNAL'}

    text: StringProperty(name="Text", description="What to copy", options={'HIDDEN', 'SKIP_SAVE'})

    def execute(self, context: Context) -> set[str]:
        context.window_manager.clipboard = self.text
        self.report({'INFO'}, "Copied")
        return {'FINISHED'}


class ReportOperator:
    """An operator on the report of Check Installation."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if installation_findings.job is not None or not installation_findings.lines:
            cls.poll_message_set("Check the installation first")
            return False
        return True


class SMIRK_OT_copy_report(ReportOperator, Operator):
    bl_idname = "smirk.copy_report"
    bl_label = "Copy Report"
    bl_description = "Copy all that was found, for a bug report; the name of your own folder is left out"

    def execute(self, context: Context) -> set[str]:
        context.window_manager.clipboard = report_text(installation_findings.lines)
        self.report({'INFO'}, "Copied the report")
        return {'FINISHED'}


class SMIRK_OT_save_report(ReportOperator, Operator):
    bl_idname = "smirk.save_report"
    bl_label = "Save Report"
    bl_description = "Write all that was found to a file, for a bug report; the name of your own folder is left out"

    filepath: StringProperty(name="File", description="The file to write", subtype='FILE_PATH')
    filter_glob: StringProperty(default="*.txt", options={'HIDDEN'})

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.filepath = self.filepath or REPORT_NAME
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def execute(self, context: Context) -> set[str]:
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".txt"))
        try:
            path.write_text(report_text(installation_findings.lines), encoding="utf-8")
        except OSError as error:
            self.report({'ERROR'}, f"Cannot write {path}: {error.strerror or error}. Choose another folder")
            return {'CANCELLED'}
        self.report({'INFO'}, f"Saved {path}")
        return {'FINISHED'}


def draw_worker(layout: UILayout, context: Context, settings: SMIRK_AP_preferences) -> None:
    layout.label(text="Worker")
    column = layout.box().column()
    split = column.split(factor=NAME_PART)
    split.label(text="Python:")
    split = split.split(factor=PATH_PART, align=True)
    split.prop(settings, "worker_python", text="", placeholder="Blender's own")
    split.operator("smirk.check_python")
    _draw_findings(column, context, python_findings)
    split = column.split(factor=NAME_PART)
    split.label(text="Device:")
    split.row().prop(settings, "device", expand=True)
    column.separator()
    column.operator("smirk.check_installation", icon='CHECKMARK')
    _draw_findings(column, context, installation_findings)
    if installation_findings.lines and installation_findings.job is None:
        draw_text(column, context, summary(installation_findings.lines))
        row = column.row(align=True)
        row.operator("smirk.copy_report", icon='COPYDOWN')
        row.operator("smirk.save_report", text="Save Report\u2026", icon='FILE_TICK')


def _draw_findings(column: UILayout, context: Context, findings: Findings) -> None:
    for line in sorted(findings.lines, key=lambda line: ORDER.index(line.state)):
        split = column.split(factor=NAME_PART)
        draw_text(split, context, line.subject, ICONS[line.state], part=NAME_PART)
        if line.subject == INSTALL:
            row = split.row(align=True)
            draw_text(row, context, line.text, part=1.0 - NAME_PART - COPY_PART)
            row.operator("smirk.copy_text", text="", icon='COPYDOWN').text = line.text
        else:
            draw_text(split, context, line.text, part=1.0 - NAME_PART)
    if findings.job is not None:
        row = column.row(align=True)
        row.label(text=findings.at_work + "\u2026", icon='TIME')
        row.operator("smirk.cancel_check", text="", icon='CANCEL')


def _on_change(name: str) -> None:
    if name == "worker_python":
        python_findings.lines, installation_findings.lines = [], []
        if preferences().worker_python and not bpy.app.background:
            check_python()


classes = (
    SMIRK_OT_check_python,
    SMIRK_OT_check_installation,
    SMIRK_OT_cancel_check,
    SMIRK_OT_copy_text,
    SMIRK_OT_copy_report,
    SMIRK_OT_save_report,
)


def register() -> None:
    for cls in classes:
        bpy.utils.register_class(cls)
    sections.append(draw_worker)
    watchers.append(_on_change)


def unregister() -> None:
    watchers.remove(_on_change)
    sections.remove(draw_worker)
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
    for findings in (python_findings, installation_findings):
        findings.job, findings.lines = None, []
