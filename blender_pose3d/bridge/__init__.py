"""Everything that touches bpy.data: rigs read, keyframes written, files opened."""
