"""Two copies of the add-on, and an add-on that is switched off at work."""

from .sandbox import ADDON


def test_a_second_copy_is_not_enabled_beside_the_first(sandbox, light_package, worker_python):
    package = {"path": str(light_package)}
    ran = sandbox.blender(
        ("install", package),
        ("add_repository", {"name": "other"}),
        ("use", {"repository": "other"}),
        ("install", package),
        ("use", {"repository": "user_default"}),
        ("set_preferences", {"worker_python": worker_python}),
        "solve",
        "disable",
        "registered",
        ("use", {"repository": "other"}),
        "enable",
        "enabled",
        "preferences",
        "disable",
        "uninstall",
        "registered",
    )
    first, other, _, second, _, _, solved, *rest = ran.answers
    assert other == "other" and first == {"said": "", "enabled": [ADDON]}
    what = "another copy of the same add-on. Disable it first, then enable this one"
    assert second["said"] == f"{ADDON} is enabled, {what}"
    assert second["enabled"] == [ADDON] and solved["state"] == "done"
    disabled, registered, _, enabled, enabled_copies, preferences, *gone = rest
    assert disabled == enabled == "" and registered == [] and enabled_copies == ["bl_ext.other.smirk_blender"]
    assert set(preferences.values()) == {"", "auto"} and gone == ["", "", []]


def test_disabling_while_a_solve_runs_ends_its_worker(sandbox, light_package, worker_python):
    ran = sandbox.blender(
        ("install", {"path": str(light_package)}),
        ("set_preferences", {"worker_python": worker_python}),
        ("begin_to_solve", {"seconds": 3.0}),
        "disable",
        "registered",
        "enable",
        "uninstall",
    )
    *_, shown, disabled, registered, enabled, uninstalled = ran.answers
    assert shown != "" and [disabled, registered, enabled, uninstalled] == ["", [], "", ""]
    assert sandbox.processes() == {} and ran.complaints == []
    assert not [name for name in sandbox.files() if name.startswith(("tmp/", "home/", "work/", "user/extensions/"))]


def test_a_blender_that_ends_while_a_solve_runs_leaves_no_worker(sandbox, light_package, worker_python):
    ran = sandbox.blender(
        ("install", {"path": str(light_package)}),
        ("set_preferences", {"worker_python": worker_python}),
        ("begin_to_solve", {"seconds": 3.0}),
    )
    assert sandbox.processes() == {} and ran.complaints == []
    assert not [name for name in sandbox.files() if name.startswith(("tmp/", "home/"))]
