"""The add-on in a Blender with a window: `build.py test --window`.

`run` packs and installs the add-on and starts a Blender for every scenario; `drive` takes a scenario's steps inside it,
with `user` for what a user does there, `hands` for mouse, keyboard and screenshots, `pulse` for whether the window
stays alive. A new scenario is a generator function in `scenarios/` and its line in `scenarios.SCENARIOS`.
"""
