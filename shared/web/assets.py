"""Addresses of scripts, styles and icons; pages stay usable when the third-party ones were not built."""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from flask import g, url_for
from markupsafe import Markup

ICONS = "vendor/icons.svg"
UI_PACKAGE = "shared.ui"  # a layer above this one: known by name, never imported


def asset(name: str) -> str | None:
    """Return the address of a static file with its digest, or None when it is not there."""
    kept: dict[str, str | None] = g.setdefault("assets", {})  # a page has some forty icons out of one file
    if name not in kept:
        digest = _digest(name)
        kept[name] = url_for("ui.static", filename=name, v=digest) if digest else None
    return kept[name]


def icon(name: str) -> Markup:
    """Return a decorative icon, or nothing when there are none; it never carries a meaning alone."""
    sprite = asset(ICONS)
    return _drawn(sprite, name) if sprite else Markup()


@lru_cache(maxsize=512)
def _drawn(sprite: str, name: str) -> Markup:
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>').format(sprite, name)


@lru_cache(maxsize=64)
def _digest(name: str) -> str | None:
    path = _static_folder() / name
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _static_folder() -> Path:
    spec = find_spec(UI_PACKAGE)
    if spec is None or spec.origin is None:
        msg = f"{UI_PACKAGE} is not installed"
        raise RuntimeError(msg)
    return Path(spec.origin).parent / "static"
