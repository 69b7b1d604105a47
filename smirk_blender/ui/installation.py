"""The worker in the preferences: which Python, what it lacks, on which device, and whether it solves."""

from dataclasses import dataclass, field

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator, UILayout

from ..capture.interpreter import InterpreterCheck, install_command
from ..capture.job import Job
from ..capture.protocol import Checked, Failed, Loading, Message, Stopped
from ..errors import SmirkError
from . import jobs
from .preferences import (
    SMIRK_AP_preferences,
    log_file,
    preferences,
    sections,
    solve_options,
    watchers,
    worker_arguments,
)
from .text import draw_text

ICONS = {"good": 'CHECKMARK', "warning": 'INFO', "bad": 'ERROR'}
INSTALL = "Install"  # the finding whose text is a command
NAME_PART = 0.22  # of the width, for what a finding is about
PATH_PART = 0.8  # of the rest


@dataclass
class Findings:
    """What a check has found so far; `job` while it goes on, and what it is at."""

    job: Job | InterpreterCheck | None = None
    at_work: str = ""
    lines: list[Checked] = field(default_factory=list)

    def start(self, job: Job | InterpreterCheck, at_work: str) -> None:
        """Forget what was found and fill up with what a job finds."""
        self.job, self.at_work, self.lines = job, at_work, []
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
            self.lines.append(Checked("Check", "bad", f"{ending.text}. {ending.hint}" if ending.hint else ending.text))
        elif isinstance(ending, Stopped):
            self.lines.append(Checked("Check", "warning", "Stopped"))
        elif isinstance(job, InterpreterCheck) and (command := install_command(job.report)):
            self.lines.append(Checked(INSTALL, "warning", command))
        self.job = None
        jobs.redraw('PREFERENCES')


python_findings, installation_findings = Findings(), Findings()


def check_python() -> None:
    """Look at the worker's Python, in a process of its own."""
    python, site_packages = worker_arguments()
    if python_findings.job is not None:
        python_findings.job.kill()
        python_findings.job = None
    has_landmark_model = bool(preferences().landmark_model)
    job = InterpreterCheck(python, site_packages=site_packages, landmark_model=has_landmark_model)
    python_findings.start(job, "Asking it for its packages")


def check_installation() -> None:
    """Have the worker open every model file and solve a few frames, in a process of its own.

    Raises:
        SmirkError: its Python cannot be started, or its log cannot be written.
    """
    python, site_packages = worker_arguments()
    job = Job(python, "capture.check", {"options": solve_options()}, log_file("check"), site_packages=site_packages)
    installation_findings.start(job, "Starting the worker")


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


def _draw_findings(column: UILayout, context: Context, findings: Findings) -> None:
    for line in findings.lines:
        split = column.split(factor=NAME_PART)
        draw_text(split, context, line.subject, ICONS[line.state], part=NAME_PART)
        if line.subject == INSTALL:
            row = split.row(align=True)
            draw_text(row, context, line.text, part=1.0 - NAME_PART - 0.12)
            row.operator("smirk.copy_text", icon='COPYDOWN').text = line.text
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


classes = (SMIRK_OT_check_python, SMIRK_OT_check_installation, SMIRK_OT_cancel_check, SMIRK_OT_copy_text)


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
