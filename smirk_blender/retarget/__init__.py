"""Takes for what they were not solved for: another head, a still camera, a neck that turns. In: a take, and heads. Out: a
take, and what a take does not hold itself. numpy. No `bpy` here.
"""
