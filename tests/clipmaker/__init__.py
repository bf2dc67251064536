"""Renders short clips of a mannequin with exact ground truth beside them."""
