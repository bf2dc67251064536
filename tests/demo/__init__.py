"""The demo: two characters of the project's own, animated from the bundled clip, measured and rendered."""
