"""A layout that draws nothing, and refuses what this Blender's own would refuse."""

from types import SimpleNamespace

import bpy

LAYOUT = bpy.types.UILayout.bl_rna


class Context:
    """Blender's context, in a sidebar of a width."""

    def __init__(self, width_px=280):
        self.region = SimpleNamespace(width=width_px)
        system = SimpleNamespace(ui_scale=1.0)  # without a window it is 0
        self.preferences = SimpleNamespace(system=system, addons=bpy.context.preferences.addons)

    def __getattr__(self, name):
        return getattr(bpy.context, name)


class Layout:
    """Notes what is drawn.

    Attributes:
        drawn: the notes of it and all its parts: labels' texts, and the names of properties and operators.
    """

    def __init__(self, drawn=None):
        self.__dict__["drawn"] = [] if drawn is None else drawn

    def __setattr__(self, name, value):
        assert name in LAYOUT.properties, f"a layout has no {name}"

    def __getattr__(self, name):
        assert name in LAYOUT.functions, f"a layout has no {name}"
        parameters = LAYOUT.functions[name].parameters

        def call(*arguments, **options):
            unknown = set(options) - set(parameters.keys())
            assert not unknown, f"{name} has no {unknown}"
            if "icon" in options:
                assert options["icon"] in parameters["icon"].enum_items, f"this Blender has no icon {options['icon']}"
            if name in ("prop", "prop_search", "prop_enum"):
                assert arguments[1] in arguments[0].bl_rna.properties, f"{arguments[0]} has no {arguments[1]}"
                self.drawn.append(arguments[1])
            if name == "progress":
                assert 0.0 <= options["factor"] <= 1.0
            if options.get("text"):
                self.drawn.append(options["text"])
            if name in ("operator", "operator_menu_enum"):
                self.drawn.append(arguments[0])
                return Options(arguments[0])
            if name == "panel":  # unfolded
                return Layout(self.drawn), Layout(self.drawn)
            return Layout(self.drawn)

        return call

    @property
    def text(self):
        return " ".join(self.drawn)


class Options:
    """An operator's options, as a button gives them."""

    def __init__(self, operator):
        room, name = operator.split(".")
        self.__dict__["_known"] = getattr(getattr(bpy.ops, room), name).get_rna_type().properties.keys()

    def __setattr__(self, name, value):
        assert name in self._known, f"the operator has no {name}"


def panels():
    """Return this add-on's panels."""
    return [panel for panel in bpy.types.Panel.__subclasses__() if panel.__name__.startswith("SMIRK_PT_")]


def drawn_text():
    """Draw every panel that shows itself; return all that can be read in them."""
    layout, context = Layout(), Context()
    for panel in panels():
        if not hasattr(panel, "poll") or panel.poll(context):
            panel.draw(SimpleNamespace(layout=layout), context)
    return layout.text
