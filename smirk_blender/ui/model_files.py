"""The model files in the preferences: the state of each, and how to get it."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator, UILayout

from ..capture.job import Job
from ..capture.protocol import Done, Failed, Message, Progress
from ..errors import SmirkError
from ..models.catalog import FileState, ModelFile, files_of, path_of, size_text, state_of
from . import jobs
from .preferences import SMIRK_AP_preferences, data_folder, log_file, own_python, preferences, sections, set_path
from .text import draw_text

ROWS = {
    "weights": "SMIRK Weights",
    "flame_model": "FLAME Model",
    "eyelid_folder": "Eyelids",
    "landmark_model": "Landmark Model",
}
FILTERS = {
    "weights": "*.pt;*.pth",
    "flame_model": "*.pkl;*.npz",
    "eyelid_folder": "*.npy;*.npz",
    "landmark_model": "*.task",
}
ICONS = {"unset": 'RADIOBUT_OFF', "absent": 'ERROR', "there": 'CHECKMARK', "wrong": 'ERROR'}
DIALOG_PX = 780  # the longest address fits in
PATH_PART = 0.5  # of the width
SHOWN_IN = ('PREFERENCES', 'VIEW_3D', 'SEQUENCE_EDITOR')  # areas
STATE_S = 2.0  # for which a file's state is believed; drawing may not wait for a disk each time


@dataclass
class Download:
    """A download of a row's files, running or just ended."""

    job: Job | None
    factor: float = 0.0
    text: str = "Connecting"
    fault: str = ""


@dataclass
class Rows:
    """What the rows show: downloads, and states with the value and the time that they were found at."""

    downloads: dict[str, Download] = field(default_factory=dict)
    states: dict[str, tuple[str, float, list[FileState]]] = field(default_factory=dict)


_rows = Rows()


def states_of(setting: str, value: str) -> list[FileState]:
    """Return the state of each file that a preference leads to."""
    known = _rows.states.get(setting)
    if known is None or known[0] != value or time.monotonic() - known[1] > STATE_S:
        found = [state_of(entry, path_of(entry, value)) for entry in files_of(setting)]
        known = _rows.states[setting] = (value, time.monotonic(), found)
    return known[2]


def download_folder(setting: str) -> Path:
    """Return where downloaded files go: the folder that is set, or one that uninstalling leaves alone."""
    value = getattr(preferences(), setting)
    return Path(value) if setting.endswith("_folder") and value else data_folder() / "models"


class RowOperator:
    """An operator on one of ROWS."""

    bl_options = {'INTERNAL'}

    setting: StringProperty(name="Row", description="Which of the preferences", options={'HIDDEN', 'SKIP_SAVE'})


class SMIRK_OT_locate_model(RowOperator, Operator):
    bl_idname = "smirk.locate_model"
    bl_label = "Locate"
    bl_description = "Choose the file on this computer; of files that lie together, any one"

    filepath: StringProperty(name="File", description="The file, or the folder of several", subtype='FILE_PATH')
    filter_glob: StringProperty(name="Filter", description="Which files to show", options={'HIDDEN', 'SKIP_SAVE'})

    def invoke(self, context: Context, event) -> set[str]:
        self.filter_glob = FILTERS[self.setting]
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def execute(self, context: Context) -> set[str]:
        if self.setting not in ROWS:
            self.report({'ERROR'}, f"No such row: {self.setting!r}. Choose one of {', '.join(ROWS)}")
            return {'CANCELLED'}
        path = Path(bpy.path.abspath(self.filepath))
        if self.setting.endswith("_folder") and not path.is_dir():
            path = path.parent
        entries = files_of(self.setting)
        states = [state_of(entry, path_of(entry, str(path)), verify=True) for entry in entries]
        faults = [f"{entry.file_name}: {state.text}" for entry, state in zip(entries, states) if state.kind == "wrong"]
        if not faults and not any(state.kind == "there" for state in states):
            faults = [f"{path} has no {' and no '.join(entry.file_name for entry in entries)}"]
        if faults:
            self.report({'ERROR'}, ". ".join(faults))
            return {'CANCELLED'}
        set_path(self.setting, path)
        _rows.states.clear()
        _rows.downloads.pop(self.setting, None)
        return {'FINISHED'}


class SMIRK_OT_download_model(RowOperator, Operator):
    bl_idname = "smirk.download_model"
    bl_label = "Download"
    bl_description = "Fetch the file from its official address, after showing the address, the size and the licence"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set("Allow Online Access in the preferences, under System, or fetch the file by hand")
            return False
        return True

    def invoke(self, context: Context, event) -> set[str]:
        title = f"Download {ROWS[self.setting]}"
        return context.window_manager.invoke_props_dialog(self, width=DIALOG_PX, title=title, confirm_text="Download")

    def draw(self, context: Context) -> None:
        column = self.layout.column(align=True)
        for entry in files_of(self.setting):
            text = f"{entry.file_name}, {size_text(entry.size_bytes)}, sha256 {entry.sha256[:8]}\u2026"
            column.label(text=text, icon='FILE')
            column.label(text=entry.url, icon='URL')
        column.label(text=f"Licence: {files_of(self.setting)[0].licence}", icon='TEXT')
        column.label(text=f"To: {download_folder(self.setting)}", icon='FILE_FOLDER')

    def execute(self, context: Context) -> set[str]:
        try:
            start_download(self.setting)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        if bpy.app.background:
            jobs.finish_all()
            if fault := _rows.downloads[self.setting].fault:
                self.report({'ERROR'}, fault)
                return {'CANCELLED'}
        return {'FINISHED'}


class SMIRK_OT_cancel_download(RowOperator, Operator):
    bl_idname = "smirk.cancel_download"
    bl_label = "Cancel Download"
    bl_description = "Stop the download; what has come is kept, and the next download goes on there"

    def execute(self, context: Context) -> set[str]:
        download = _rows.downloads.get(self.setting)
        if download is None or download.job is None:
            return {'CANCELLED'}
        download.job.ask_to_stop()
        return {'FINISHED'}


def start_download(setting: str) -> None:
    """Fetch the files of a row in a process of its own, and set the preference when they are there.

    Raises:
        SmirkError: they may not be downloaded, are being downloaded, or the process cannot be started.
    """
    entries = [entry for entry in files_of(setting) if entry.url]
    if not entries:
        raise SmirkError(f"{ROWS.get(setting, setting)} may not be downloaded from here. Open its page")
    if setting in _rows.downloads and _rows.downloads[setting].job is not None:
        raise SmirkError(f"{ROWS[setting]} are being downloaded already. Cancel that first")
    folder = download_folder(setting)
    files = [_wanted(entry, folder) for entry in entries]
    job = Job(own_python(), "models.download", {"files": files}, log_file("download"))
    download = _rows.downloads[setting] = Download(job)

    def on_message(message: Message) -> None:
        if isinstance(message, Progress):
            download.factor = message.video_frame / max(message.num_frames, 1)
            download.text = f"{message.video_frame / 1000:.1f} of {message.num_frames / 1000:.1f} MB"
            jobs.redraw(*SHOWN_IN)

    def on_end(ending: Message) -> None:
        download.job = None
        if isinstance(ending, Done):
            del _rows.downloads[setting]
            set_path(setting, folder if setting.endswith("_folder") else ending.paths[0])
        else:
            download.fault = f"{ending.text} {ending.hint}".strip() if isinstance(ending, Failed) else "Stopped"
        _rows.states.clear()
        jobs.redraw(*SHOWN_IN)

    jobs.start(job, on_message, on_end)


def _wanted(entry: ModelFile, folder: Path) -> dict:
    """Return the arguments of a file's download; a copy beside the FLAME model is as good."""
    flame_model = preferences().flame_model
    return {
        "url": entry.url,
        "sha256": entry.sha256,
        "size_bytes": entry.size_bytes,
        "destination": str(folder / entry.file_name),
        "have": str(Path(flame_model).parent / entry.file_name) if flame_model else "",
    }


def draw_progress(layout: UILayout, context: Context, setting: str) -> bool:
    """Draw how it stands with a row's download; return whether one goes on."""
    download = _rows.downloads.get(setting)
    if download is not None and download.job is not None:
        row = layout.row(align=True)
        row.progress(text=download.text, factor=download.factor, type='BAR')
        row.operator("smirk.cancel_download", text="", icon='CANCEL').setting = setting
        return True
    if download is not None and download.fault:
        draw_text(layout, context, download.fault, icon='ERROR')
    return False


def draw_models(layout: UILayout, context: Context, settings: SMIRK_AP_preferences) -> None:
    layout.label(text="Model Files")
    for setting, name in ROWS.items():
        _draw_row(layout.box().column(), context, settings, setting, name)


def _draw_row(column: UILayout, context: Context, settings: SMIRK_AP_preferences, setting: str, name: str) -> None:
    entries, states = files_of(setting), states_of(setting, getattr(settings, setting))
    together = len(entries) > 1
    kinds = [state.kind for state in states]
    worst = next(kind for kind in ("wrong", "absent", "unset", "there") if kind in kinds)
    row = column.row()
    row.label(text=name, icon=ICONS[worst])
    row.label(text="" if together and worst != "unset" else states[0].text)
    split = column.split(factor=PATH_PART, align=True)
    split.prop(settings, setting, text="")
    row = split.row(align=True)
    row.operator("smirk.locate_model", text="Locate\u2026").setting = setting
    download = _rows.downloads.get(setting)
    if entries[0].url and worst != "there" and (download is None or download.job is None):
        row.operator("smirk.download_model", text="Download\u2026").setting = setting
    row.operator("wm.url_open", text="Open Page", icon='URL').url = entries[0].page
    if together and worst != "unset":
        for entry, state in zip(entries, states):
            row = column.row()
            row.label(text=entry.file_name, icon=ICONS[state.kind])
            row.label(text=state.text)
    draw_progress(column, context, setting)
    if worst != "there":
        sentences = list(dict.fromkeys(entry.purpose for entry in entries))
        if not entries[0].url:
            sentences.append(entries[0].instructions)
        draw_text(column, context, ". ".join(sentences) + ".", icon='INFO')


classes = (SMIRK_OT_locate_model, SMIRK_OT_download_model, SMIRK_OT_cancel_download)


def register() -> None:
    for cls in classes:
        bpy.utils.register_class(cls)
    sections.append(draw_models)


def unregister() -> None:
    sections.remove(draw_models)
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
    _rows.downloads.clear()
    _rows.states.clear()
