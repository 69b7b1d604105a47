"""What users read: every operator, property and panel has its words."""

import inspect

import bpy
import pytest

from smirk_blender import ui


def classes():
    return sorted(
        {item for module in ui.modules for _, item in inspect.getmembers(module, inspect.isclass) if is_ours(item)},
        key=lambda item: item.__name__,
    )


def is_ours(item):
    return item.__name__.startswith("SMIRK_") and item.__module__.startswith(ui.__name__)


def properties_of(item):
    for parent in item.__mro__:
        if parent.__module__.startswith(ui.__name__):
            for name, value in inspect.get_annotations(parent).items():
                if hasattr(value, "keywords"):
                    yield name, value.keywords


def test_there_is_something_to_read():
    kinds = {item.__name__.split("_")[1] for item in classes()}
    assert {"OT", "PT", "PG", "AP", "UL"} <= kinds and len(classes()) > 30


@pytest.mark.parametrize("item", classes(), ids=lambda item: item.__name__)
def test_everything_has_a_name_and_a_tooltip(item):
    if issubclass(item, bpy.types.Operator):
        assert item.bl_label and item.bl_description and not item.bl_description.endswith(".")
        assert item.bl_idname == "smirk." + item.__name__.removeprefix("SMIRK_OT_")
    for name, words in properties_of(item):
        if words.get("options") == {'HIDDEN'} and name == "filter_glob":
            continue
        assert words.get("name"), name
        assert words.get("description"), name
        assert not words["description"].endswith("."), name
        for choice in words.get("items", ()) if isinstance(words.get("items"), tuple) else ():
            assert choice[1] and choice[2] and not choice[2].endswith("."), choice
