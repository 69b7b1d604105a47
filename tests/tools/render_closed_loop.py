"""Renders the closed-loop clip of the clean-up's tests, in half an hour: `python -m tests.tools.render_closed_loop`."""

import sys
from pathlib import Path

from smirk_blender.flame import builtin_head
from smirk_blender.rig.sample_clip import film
from smirk_blender.take.parts import part_of
from tests.clean.closed_loop import CLIP, SIZE_PX, truth

SAMPLES, BOUNCES = 4, 1  # per pixel, before denoising
ZOOM = 0.55  # of the whole bust: the face fills the picture


def render_closed_loop(path: Path = CLIP, frames: slice = slice(None)) -> Path:
    """Render the clip, or some of its frames, in an empty scene; return its path."""
    take = part_of(truth(builtin_head()), frames)
    return film(take, path, size_px=SIZE_PX, zoom=ZOOM, samples=SAMPLES, bounces=BOUNCES)


if __name__ == "__main__":
    path, *ends = sys.argv[1:] or [CLIP]  # and the first frame and the one after the last, for a look
    render_closed_loop(Path(path), slice(*map(int, ends)) if ends else slice(None))
