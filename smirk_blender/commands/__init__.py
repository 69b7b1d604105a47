"""The commands of the command line, a file each: `add_to` names a command's options, the function of its name does it.
In: parsed options. Out: files, lines on what was done, perhaps an exit code. bpy.
"""
