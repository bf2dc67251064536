"""The extension in a real Blender with a window: `python -m pytest tests/gui -m slow`."""
