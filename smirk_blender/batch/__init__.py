"""Many clips, one after another or several at once: which they are, what is done already, who does which, what came of
it. In: footage and a job's settings. Out: processes that do a clip each, and a report. No `bpy` here.
"""
