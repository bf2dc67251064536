"""The worker process seen from Blender: its command line, its progress lines, its life. Standard library only."""
