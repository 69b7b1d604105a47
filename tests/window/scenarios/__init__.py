"""What is tried in the window: generator functions `scenario(user, report)`, by what they are about.

Their list, and what they need to know of the package, is here, without `bpy`, since `run` reads it outside Blender.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A generator function of a module beside this one.

    Attributes:
        limit_s: how many seconds Blender may take for it.
        needs: a file in the shared folder, without which it is skipped; "" where it needs none.
        size_px: the window's width and height.
        fresh: whether it begins in a Blender that never saw the add-on.
    """

    module: str
    name: str
    limit_s: float
    needs: str = ""
    size_px: tuple[int, int] = (1600, 900)
    fresh: bool = False


MODULE = "bl_ext.user_default.smirk_blender"  # what an extension installed from a file is called
ACTOR = "footage/actor_a.mp4"
CHARACTER = "rigs/facecap.glb"
SMALL = (640, 400)  # where the processor draws, a large window takes 0.2 s, whatever the add-on does


SCENARIOS = (
    Scenario("install", "installed_by_mouse", 420, ACTOR, fresh=True),
    Scenario("head", "head_by_mouse", 90),
    Scenario("head", "head_in_second_window", 90),
    Scenario("solve", "solve_by_mouse", 420, ACTOR),
    Scenario("alive", "pulse_idle", 120, ACTOR, SMALL),
    Scenario("alive", "pulse_drawing", 120, ACTOR, SMALL),
    Scenario("alive", "pulse_without_live", 300, ACTOR, SMALL),
    Scenario("alive", "pulse_during_solve", 500, ACTOR, SMALL),
    Scenario("cancel", "cancel_by_mouse", 300, ACTOR),
    Scenario("cancel", "cancel_by_escape", 300, ACTOR),
    Scenario("cancel", "ten_cancels", 600, ACTOR, SMALL),
    Scenario("cancel", "worker_killed", 300, ACTOR),
    Scenario("cancel", "blender_killed", 300, ACTOR),
    Scenario("trouble", "error_states", 300, ACTOR),
    Scenario("trouble", "saved_meanwhile", 300, ACTOR),
    Scenario("trouble", "head_deleted", 300, ACTOR),
    Scenario("trouble", "scene_deleted", 300, ACTOR),
    Scenario("trouble", "strip_deleted", 300, ACTOR),
    Scenario("places", "sequencer", 300, ACTOR),
    Scenario("places", "two_windows_and_queue", 400, ACTOR),
    Scenario("places", "preferences_page", 120),
    Scenario("clean_up", "clean_up_by_mouse", 300),
    Scenario("clean_up", "clean_up_alive", 300, ACTOR, SMALL),
    Scenario("clean_up", "panel_pictures", 300, ACTOR, (1600, 1000)),
    Scenario("landmarks", "landmarks_by_mouse", 300, CHARACTER),
    Scenario("retarget", "retarget_by_mouse", 400, CHARACTER),
    Scenario("export", "export_by_mouse", 400),
    Scenario("readme", "readme_pictures", 300),
)
