"""Takes for other heads. In: a take, and the heads that it was solved on and is meant for. Out: a take.

numpy. No `bpy` here.
"""
