"""The built-in head, lit and filmed: the sample clip, from the animation in `sample`, and clips for tests."""

import os
import tempfile
import wave
from pathlib import Path

import bpy
import numpy as np

from ..flame import builtin_head
from ..sample.performance import SIZE_PX, sample_take, sample_voice
from ..take import Take
from . import compat
from .actions import bake_take
from .footage import match_take
from .head_object import build_head
from .movie import encode_movie
from .stage import set_stage

SAMPLES = 8  # per pixel, before denoising
BOUNCES = 12  # of light, as Cycles has it
VOICE_RATE = 24000
ZOOM = 0.72  # of the whole bust: the face fills the picture


def render_sample_clip(path: str | os.PathLike) -> Path:
    """Render the clip in an empty scene, with sound; return its path. Takes some minutes."""
    with tempfile.TemporaryDirectory() as folder:
        voice = Path(folder) / "voice.wav"
        write_voice(voice)
        return film(sample_take(builtin_head()), path, size_px=SIZE_PX, zoom=ZOOM, samples=SAMPLES, sound_path=voice)


def film(
    take: Take,
    path: str | os.PathLike,
    *,
    size_px: int,
    zoom: float,
    samples: int,
    bounces: int = BOUNCES,
    sound_path: Path | None = None,
) -> Path:
    """Render the built-in head playing a take, in an empty scene; return the movie's path.

    Args:
        take: of the built-in head.
        size_px: the picture's width and height.
        zoom: of the whole bust; less shows less of it, larger.
        samples: per pixel, before denoising.
        bounces: of light.
        sound_path: a sound as long as the take.
    """
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene, head = bpy.context.scene, builtin_head()
    head_object = build_head(head)
    bake_take(head_object, head, take)
    match_take(scene, take)
    scene.render.resolution_x = scene.render.resolution_y = size_px
    camera = set_stage(scene, head_object, beside_footage=False)
    camera.data.ortho_scale *= zoom
    camera.location.z += (1 - zoom) * 0.12 * camera.data.ortho_scale
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = samples, True, bounces
    scene.render.use_persistent_data = True
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures.mkv"
        compat.set_movie_output(scene)
        scene.render.ffmpeg.format, scene.render.ffmpeg.codec = 'MKV', 'FFV1'
        scene.render.ffmpeg.audio_codec = 'NONE'
        scene.render.use_file_extension = False
        scene.render.filepath = str(pictures)
        bpy.ops.render.render(animation=True)
        return encode_movie(pictures, path, fps=take.fps, sound_path=sound_path)


def write_voice(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(VOICE_RATE)
        file.writeframes((sample_voice(VOICE_RATE).clip(-1, 1) * 32767).astype(np.int16).tobytes())
