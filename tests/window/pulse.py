"""Whether the window stays alive: how far apart Blender's timer ticks are."""

import time

import bpy
import numpy as np

INTERVAL_S = 0.01  # what Blender is asked for; it ticks when its main loop comes round


class Pulse:
    """An app timer that notes the time of every tick between `start` and `stop`."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._beating = False

    def start(self) -> None:
        self._times_s, self._beating = [], True
        bpy.app.timers.register(self._tick, persistent=True)

    def stop(self) -> dict[str, float]:
        """Return the gaps' median, 95th percentile and maximum in milliseconds, and their number.

        The gap that is still open counts too.
        """
        self._beating = False
        gaps_ms = 1000 * np.diff([*self._times_s, time.perf_counter()])
        median, p95, longest = np.percentile(gaps_ms, (50, 95, 100))
        return {"median_ms": median, "p95_ms": p95, "max_ms": longest, "gaps": len(gaps_ms)}

    def _tick(self) -> float | None:
        self._times_s.append(time.perf_counter())
        return INTERVAL_S if self._beating else None
