"""The head's materials by number; the per-vertex colours carry the detail."""

MATERIALS = (  # name, linear RGB, roughness
    ("skin", (0.58, 0.35, 0.25), 0.55),
    ("sclera", (0.78, 0.75, 0.72), 0.15),
    ("iris", (0.15, 0.085, 0.035), 0.1),
    ("pupil", (0.004, 0.004, 0.004), 0.05),
    ("brows and lashes", (0.028, 0.017, 0.011), 0.8),
    ("hair", (0.045, 0.026, 0.016), 0.6),
    ("mouth", (0.22, 0.05, 0.045), 0.4),
    ("teeth", (0.72, 0.68, 0.58), 0.25),
    ("tongue", (0.42, 0.13, 0.12), 0.45),
)
SKIN, SCLERA, IRIS, PUPIL, BROWS, HAIR, MOUTH, TEETH, TONGUE = range(len(MATERIALS))
