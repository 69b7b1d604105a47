"""Runs one scenario inside Blender: `blender --python drive.py -- SETTINGS.json`.

A scenario is a generator function `scenario(user, report)` in `scenarios/`. It yields seconds to wait or an `Until`; a
timer runs it on, so that Blender goes about its own work in between. Whatever happens, Blender ends by `os._exit`, and
the report's file, one JSON object per line, tells how far it came.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

import bpy

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))  # the add-on itself comes from the installed extension
try:
    from tests.window.hands import StepError, Steps, Until
    from tests.window.report import Report
    from tests.window.user import User
finally:
    sys.path.remove(str(REPOSITORY))

FIRST_TICK_S = 0.5  # until Blender has drawn its window


class Drive:
    """Takes a scenario's steps on Blender's timer.

    Attributes:
        steps: what is left to do.
        afterwards: what is done when they are through, or one of them failed: then it is given the error.
    """

    def __init__(self, steps: Steps, afterwards) -> None:
        self.steps, self.afterwards = steps, afterwards
        self._waits_for: Until | None = None
        self._until_s = 0.0

    def tick(self) -> float | None:
        """Go on as far as possible; return the seconds until the next tick, None at the end."""
        try:
            if self._waits_for and not self._waits_for.condition():
                if time.perf_counter() < self._until_s:
                    return self._waits_for.poll_s
                step, self._waits_for = self._waits_for, None
                wanted = self.steps.throw(StepError(f"{step.what} did not come within {step.limit_s:g} s"))
            else:
                self._waits_for = None
                wanted = next(self.steps)
        except StopIteration:
            self.afterwards(None)
            return None
        except Exception as error:  # every error is a result here, and must end Blender
            self.afterwards(error)
            return None
        if isinstance(wanted, Until):
            self._waits_for, self._until_s = wanted, time.perf_counter() + wanted.limit_s
            return 0.0
        return wanted


def main() -> None:
    settings = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
    report = Report(Path(settings["report"]), settings)
    bpy.context.preferences.view.show_splash = False
    user = User(Path(settings["pictures"]), f"{settings['name']}_")
    try:
        module = importlib.import_module(f"tests.window.scenarios.{settings['module']}")
        steps = whole(getattr(module, settings["name"]), user, report)
    except Exception as error:
        end(report, user, error)
        return
    drive = Drive(steps, lambda error: end(report, user, error))
    bpy.app.timers.register(drive.tick, first_interval=FIRST_TICK_S, persistent=True)


def whole(scenario, user: User, report: Report) -> Steps:
    yield from user.begin()
    yield from scenario(user, report)


def end(report: Report, user: User, error: Exception | None) -> None:
    """Note how it ended, with a picture where it ended badly; end Blender."""
    if error is None:
        report.end()
        leave(0)
    report.fail("".join(traceback.format_exception(error)))
    picture = Drive(user.look("failed"), lambda _: leave(1))
    bpy.app.timers.register(picture.tick, persistent=True)


def leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


main()
