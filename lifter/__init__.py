"""Pose3D's lifter: video -> 2D landmarks -> 3D human pose. Runs as a worker process; never imports bpy."""
