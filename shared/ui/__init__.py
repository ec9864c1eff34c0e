"""The look of both tiers: page frame, macros, styles and scripts; templates and static files only, no code.

A page starts with `{% extends "base.html" %}` and `{% import "ui/macros.html" as ui %}`.
"""
