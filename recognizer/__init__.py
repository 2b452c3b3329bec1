"""Turn scanned answer sheets into readings with honest confidences.

A library: it never remembers, never asks and never writes a user's file. Start with `records`, the map of what
travels between the stages, then `reading`, the pipeline.
"""
