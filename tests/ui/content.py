"""What a scene holds, as plain values that can be compared."""

import bpy

from smirk_blender.rig.shape_keys import key_points

COLLECTIONS = ("objects", "meshes", "armatures", "actions", "materials", "shape_keys", "collections", "node_groups")


def plain(value):
    """Return a custom property's value as text, arrays and groups by what they hold."""
    return str(next((getattr(value, name)() for name in ("to_list", "to_dict") if hasattr(value, name)), value))


def scene_content():
    """Return everything that a head is made of: names, numbers, custom properties."""
    content = {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in COLLECTIONS}
    for thing in bpy.data.objects:
        content[thing.name, "matrix"] = [list(row) for row in thing.matrix_basis]
        content[thing.name, "properties"] = sorted((key, plain(value)) for key, value in thing.items())
        content[thing.name, "modifiers"] = [modifier.name for modifier in thing.modifiers]
        content[thing.name, "groups"] = thing.vertex_groups.keys()
        if thing.type == 'ARMATURE':
            content[thing.name, "bones"] = [(bone.name, *bone.head_local, *bone.tail_local) for bone in thing.data.bones]
        if thing.type == 'MESH' and thing.data.shape_keys is not None:
            shape_keys = thing.data.shape_keys
            for key_block in shape_keys.key_blocks:
                numbers = (key_block.value, key_block.slider_min, key_block.slider_max)
                content[thing.name, key_block.name] = (numbers, key_points(key_block).tolist())
            animation = shape_keys.animation_data
            content[thing.name, "action"] = animation and animation.action and animation.action.name
            content[thing.name, "drivers"] = len(animation.drivers) if animation else 0
    scene = bpy.context.scene
    content["active"] = bpy.context.view_layer.objects.active and bpy.context.view_layer.objects.active.name
    content["selected"] = sorted(thing.name for thing in bpy.context.view_layer.objects if thing.select_get())
    content["scene"] = (scene.frame_current, scene.frame_start, scene.frame_end, scene.render.fps)
    return content
