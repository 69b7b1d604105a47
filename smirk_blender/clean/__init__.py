"""Clean-up: a take as solved and its settings in, a take worth keeping out; and numbers on both. No `bpy` here.

Every step is a function of a take, and none changes what it is given. `chain.cleaned` runs them in their order.
`fewer_keys` finds few keys for what a bake writes.
"""

PROFILE_SUFFIX = ".actor.json"
KEY_TOLERANCE_MM = 0.25  # on the mesh; a usual one for fewer keys: below what jitters in a solved face
