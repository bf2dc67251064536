"""Panels and menu entries: they draw, and decide nothing."""
