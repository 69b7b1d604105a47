"""How far eyes turn: limits that every solver of gaze keeps to."""

import numpy as np

# About x and y, radians; x is positive downwards, y to the actor's left. How far 261 people's eyes turned on average:
# 44.9 degrees towards the nose, 44.2 away from it, 27.9 up and 47.1 down.
# Source: Lee et al., "Differences in eye movement range based on age and gaze direction" (Eye, 2019).
GAZE_LOW_RAD = -np.radians([27.9, 44.2])
GAZE_HIGH_RAD = np.radians([47.1, 44.2])
MAX_CONVERGENCE_RAD = 0.063  # each eye's towards the nose: 31.5 mm to the side of a point half a metre away
