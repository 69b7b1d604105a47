"""Takes in other people's formats: FLAME parameters, tables, meshes of frames. numpy alone. No `bpy` here.

In: a take, and the head that it was solved on. Out: files that are whole or not there at all.
"""
