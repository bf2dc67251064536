"""The engine's numpy side: track, rig and preset in, bone rotations out. Imports numpy and the standard library only."""
