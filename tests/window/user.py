"""What a user does at a Blender window, as generators of steps: open a tab, find a button, press it, look.

Blender's pixels count upwards from the window's lower left corner, the screen's downwards from its upper left. Windows,
areas and regions are looked up anew at every step: undo and a newly opened file leave dead ones behind.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import Area, Region, Window

from . import hands
from .hands import StepError, Steps, Until

SWEEP_PX = 10  # a button is 20 high
COLUMNS = (0.5, 0.25, 0.75, 0.83)  # of a region's width: where the mouse goes down, in turn
ICON_COLUMN = COLUMNS[-1]  # of the small buttons behind a row, with the sidebar's tabs beside them
HOVER_S = 0.03  # until Blender has seen the mouse
REACT_S = 0.2  # until Blender has done what a click or key asked for
FROM_TOP_PX = 40  # where the wheel is turned: over the first panel, as below the last one it zooms the viewport
WHEEL_NOTCHES = 6  # per scroll through a sidebar
MAX_SCROLLS = 12


@dataclass(frozen=True)
class Button:
    """A button under the mouse.

    Attributes:
        name: `smirk.add_builtin_head` for an operator's, `Scene.smirk.solver` for a property's.
        x, y: its middle, in the window's pixels.
    """

    name: str
    x: int
    y: int


class User:
    """Someone at the n-th Blender window, with one editor in view.

    Attributes:
        pictures: the folder for screenshots.
        pictures_start: what their names start with.
        editor: the type of the editor that is worked in.
    """

    def __init__(self, pictures: Path, pictures_start: str) -> None:
        self.pictures, self.pictures_start = pictures, pictures_start
        self.editor, self.window_number = 'VIEW_3D', 0
        self._spots: dict[str, Button] = {}
        self._places: dict[int, tuple[int, int, int, int]] = {}  # of windows on the screen, by number

    # --- where

    def window(self) -> Window:
        return bpy.data.window_managers[0].windows[self.window_number]

    def area(self) -> Area:
        areas = [area for area in self.window().screen.areas if area.type == self.editor]
        if not areas:
            raise StepError(f"the window shows no {self.editor}")
        return max(areas, key=lambda area: area.width * area.height)

    def region(self, kind: str = 'UI') -> Region:
        return next(region for region in self.area().regions if region.type == kind)

    def override(self, kind: str = 'UI'):
        """Return the context that operators have there."""
        return bpy.context.temp_override(window=self.window(), area=self.area(), region=self.region(kind))

    def show(self, editor: str) -> Steps:
        """Turn the editor that is worked in into another, such as 'SEQUENCE_EDITOR'."""
        self.area().type = editor
        self.editor = editor
        self._spots.clear()
        yield REACT_S

    # --- what a user sees

    def open_tab(self, name: str = "SMIRK") -> Steps:
        """Open the sidebar with this tab in front."""
        self.area().spaces[0].show_region_ui = True
        yield Until(lambda: self._show_tab(name), f"the sidebar's tab {name}")
        self._spots.clear()
        yield REACT_S

    def _show_tab(self, name: str) -> bool:
        region = self.region()
        try:
            region.active_panel_category = name
        except (AttributeError, TypeError):  # not before the sidebar was drawn, nor while it has no such tab
            region.tag_redraw()
            return False
        return region.active_panel_category == name

    def look(self, name: str, kind: str | None = None) -> Steps:
        """Save a screenshot: the screen, or one region of the editor."""
        yield from self.rest()
        path = self.pictures / f"{self.pictures_start}{name}.png"
        yield from hands.photograph(str(path), (yield from self.on_screen(self.region(kind))) if kind else None)

    def on_screen(self, part: Area | Region) -> Iterator[float | Until]:
        """Return an editor's or a region's left, top, width and height on the screen, in pixels."""
        left, top = yield from self._screen_point(part.x, part.y + part.height - 1)
        return left, top, part.width, part.height

    def buttons(
        self, kind: str = 'UI', column: float = COLUMNS[0], last: str = "", top: int = 0
    ) -> Iterator[float | Until]:
        """Return the buttons that the mouse meets on its way down a region, to the one called `last` if it meets it.

        It begins `top` pixels above the window's lower edge, or at the region's upper edge.
        """
        region = self.region(kind)
        x, top, bottom = region.x + int(column * region.width), top or region.y + region.height - 4, region.y + 4
        met: dict[str, list[int]] = {}
        for y in range(top, bottom, -SWEEP_PX):
            yield from self.move(x, y)
            name = self.hovered(kind)
            if last in met and name != last:
                break
            if name:
                met.setdefault(name, []).append(y)
        return [Button(name, x, sum(ys) // len(ys)) for name, ys in met.items()]

    def hovered(self, kind: str = 'UI') -> str | None:
        """Return the name of the button under the mouse, as `Button` has it."""
        with self.override(kind):
            if held := bpy.context.property:
                thing, path, _ = held
                return f"{thing.bl_rna.identifier}.{path}"
            if not bpy.ops.ui.copy_python_command_button.poll():
                return None
            bpy.ops.ui.copy_python_command_button()
        return bpy.context.window_manager.clipboard.removeprefix("bpy.ops.").partition("(")[0]

    def find(
        self, name: str, kind: str = 'UI', columns: tuple[float, ...] = COLUMNS, below: str = ""
    ) -> Iterator[float | Until]:
        """Return the button of this name, after scrolling where need be. Raises: StepError, there is none.

        With `below`, the name of a button that was found before, the mouse looks there first.
        """
        if spot := self._spots.get(name):
            yield from self.move(spot.x, spot.y)
            if self.hovered(kind) == name:
                return spot
            del self._spots[name]
        names = set()
        if spot := self._spots.get(below):
            for column in columns:
                met = yield from self.buttons(kind, column, last=name, top=spot.y)
                self._spots.update({button.name: button for button in met if button.name == name})
                if name in self._spots:
                    return self._spots[name]
        for number in range(MAX_SCROLLS):
            for column in columns:
                met = yield from self.buttons(kind, column, last=name)
                self._spots.update({button.name: button for button in met})
                names |= {button.name for button in met}
                if name in names:
                    return self._spots[name]
            if number == 0 and self.is_scrolled(kind):
                yield from self.scroll(-MAX_SCROLLS * WHEEL_NOTCHES, kind)
            elif not (yield from self.scroll(WHEEL_NOTCHES, kind)):
                break
        raise StepError(f"no button {name} in the {kind} region; the mouse met {', '.join(sorted(names)) or 'none'}")

    # --- what a user does

    def begin(self) -> Steps:
        """Bring the window onto the screen, and give it the keyboard."""
        yield Until(lambda: self.window().width > 1, "a window", 30)
        x_window = yield from self._x_window()
        if min((yield from hands.geometry(x_window))[:2]) < 0:
            yield from hands.place(x_window, 0, 0)
            yield REACT_S
        yield from hands.focus(x_window)
        self._places.pop(self.window_number, None)

    def move(self, x: int, y: int) -> Steps:
        """Put the mouse on a pixel of the window."""
        yield from hands.move(*(yield from self._screen_point(x, y)))
        yield HOVER_S

    def rest(self) -> Steps:
        """Take the mouse off every button, by way of the editor to the status bar, so that no tooltip is in the way."""
        area = self.area()
        yield from self.move(area.x + area.width // 3, area.y + area.height // 2)
        yield from self.move(int(0.8 * self.window().width), 2)
        yield REACT_S

    def click(self, name: str, kind: str = 'UI', columns: tuple[float, ...] = COLUMNS, below: str = "") -> Steps:
        """Press a button with the left mouse button; see `find`."""
        spot = yield from self.find(name, kind, columns, below)
        yield from self.move(spot.x, spot.y)
        yield REACT_S
        if self.hovered(kind) != name:
            raise StepError(f"the mouse is on {self.hovered(kind)}, not on {name}")
        yield from hands.click()
        yield REACT_S

    def press(self, key: str) -> Steps:
        """Press a key with the mouse over the editor: Escape, ctrl+z."""
        area = self.area()
        yield from self.move(area.x + area.width // 3, area.y + area.height // 2)
        yield from hands.key(key)
        yield REACT_S

    def scroll(self, notches: int, kind: str = 'UI') -> Iterator[float | Until]:
        """Turn the wheel over a region, downwards if positive; return whether anything moved."""
        region = self.region(kind)
        before = region.view2d.region_to_view(0, 0)[1]
        yield from self.move(region.x + region.width // 2, region.y + region.height - FROM_TOP_PX)
        yield from hands.click(5 if notches > 0 else 4, abs(notches))
        yield REACT_S
        return abs(self.region(kind).view2d.region_to_view(0, 0)[1] - before) > 1

    def is_scrolled(self, kind: str = 'UI') -> bool:
        """Return whether a region shows less than its top."""
        region = self.region(kind)
        return region.view2d.region_to_view(0, region.height)[1] < -1

    def _x_window(self) -> Iterator[float | Until]:
        found = yield from hands.windows_of(os.getpid())
        return found[self.window_number]

    def _screen_point(self, x: int, y: int) -> Iterator[float | Until]:
        if self.window_number not in self._places:
            self._places[self.window_number] = yield from hands.geometry((yield from self._x_window()))
        left, top, _, height = self._places[self.window_number]
        return left + x, top + height - 1 - y
