"""Operators: thin, over plain functions of `run`, `bridge` and `worker`."""
