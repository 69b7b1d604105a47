"""How much memory a clip's process and its workers take together, and so how many fit.

Measured on Linux with `tests/batch_night.py --memory`; the largest of a clip's stages counts.
"""

from dataclasses import dataclass

MARGIN = 0.85  # of the free memory is given away
THREADS_A_JOB = 1  # processor cores: a landmark solve and a bake keep about one busy


@dataclass(frozen=True)
class Scale:
    """What a clip's need grows with.

    Attributes:
        num_frames: of the clip; 0 where that is not known.
        width_px, height_px: of its picture.
        smirk: whether SMIRK's encoder solves it.
    """

    num_frames: int = 0
    width_px: int = 1920
    height_px: int = 1080
    smirk: bool = False


BLENDER_MB = 250.0
WORKER_MB = 400.0
SMIRK_MB = 530.0
FRAME_MB = 0.015
PIXEL_MB = 3.0 * 8 / 1e6  # eight pictures are on their way at once


def memory_mb(scale: Scale) -> float:
    """Return what a clip takes at most, MB."""
    pictures = scale.width_px * scale.height_px * PIXEL_MB
    return BLENDER_MB + (SMIRK_MB if scale.smirk else WORKER_MB) + pictures + FRAME_MB * scale.num_frames


def num_jobs(most_mb: float, *, free_mb: float, num_cores: int) -> int:
    """Return how many clips at once the memory and the cores allow; one at least.

    Args:
        most_mb: what the largest takes.
        free_mb: 0 where that is not known.
        num_cores: of the processor, that this process may use.
    """
    fits = int(free_mb * MARGIN / most_mb) if free_mb else num_cores
    return max(1, min(fits, num_cores // THREADS_A_JOB))
