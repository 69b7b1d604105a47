"""The add-on as users have it: installed by Blender's own operators into an empty user folder, in fresh processes."""
