"""The user's .blend files, as commands open them."""

import bpy
import pytest

from smirk_blender.commands.blend_files import open_blend
from smirk_blender.errors import ExportError


@pytest.fixture
def trusting():
    """Preferences of somebody who lets every file run its scripts."""
    preferences = bpy.context.preferences.filepaths
    before, preferences.use_scripts_auto_execute = preferences.use_scripts_auto_execute, True
    yield
    preferences.use_scripts_auto_execute = before


def test_a_file_s_scripts_do_not_run(trusting, tmp_path):
    path, told = tmp_path / "own script é.blend", tmp_path / "ran"
    text = bpy.data.texts.new("greet.py")
    text.write(f"open({str(told)!r}, 'w').close()")
    text.use_module = True
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    open_blend(path, ExportError, "Choose another")
    assert "greet.py" in bpy.data.texts and not told.exists()
    bpy.ops.wm.open_mainfile(filepath=str(path), use_scripts=True)
    assert told.exists()  # it would


def test_what_cannot_be_opened_is_named_with_advice(tmp_path):
    with pytest.raises(ExportError, match=r"No file at .*none\.blend. Choose another$"):
        open_blend(tmp_path / "none.blend", ExportError, "Choose another")
    (tmp_path / "text.blend").write_text("no .blend")
    with pytest.raises(ExportError, match=r"Cannot open .*text\.blend \(.+\). Choose another$"):
        open_blend(tmp_path / "text.blend", ExportError, "Choose another")
