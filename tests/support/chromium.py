"""A real Chromium that a test drives as a person does: keys, clicks, colours, the width of a phone, and axe's verdict.

Needs Debian's `chromium`, and the wheels `playwright` (whose driver is in the wheel) and `axe-playwright-python`.
"""

from __future__ import annotations

import atexit
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.trial.unittest import SkipTest

from tests.support.browser import NAMES, installed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK = (1440, 900)
PHONE = (390, 844)
WITHIN = 15_000
"""Milliseconds that a test waits for what has to come, at most."""

_running: list[Browser] = []


def chromium() -> Browser:
    """Return the browser of this run; raise SkipTest where there is none."""
    if not _running:
        program = installed()
        if program is None:
            raise SkipTest(f"no Chromium is installed (none of {', '.join(NAMES)}): apt-get install chromium")
        if find_spec("playwright") is None:
            raise SkipTest("no playwright is installed: pip install playwright")
        from playwright.sync_api import sync_playwright

        driver = sync_playwright().start()
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        _running.append(driver.chromium.launch(executable_path=program, args=["--no-proxy-server", *sandbox]))

        def stop() -> None:
            _running.pop().close()
            driver.stop()

        atexit.register(stop)
    return _running[0]


class Visit:
    """One page in a window of its own, with what went wrong in it and what it asked for."""

    def __init__(self, size: tuple[int, int] = DESK, *, dark: bool = False, scale: float = 1) -> None:
        width, height = size
        self.context = chromium().new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=scale,
            has_touch=size == PHONE,
            reduced_motion="reduce",
            locale="en-GB",
        )
        self.context.set_default_timeout(WITHIN)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def close(self) -> None:
        """Leave the page. Can be repeated."""
        self.context.close()


def accessibility_flaws(page: Page) -> list[str]:
    """Return what axe finds wrong, a line each; raise SkipTest where axe is not installed."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        raise SkipTest("no axe is installed: pip install axe-playwright-python")
    page.evaluate((Path(found.origin).parent / "axe.min.js").read_text())
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{flaw['id']}: {flaw['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for flaw in result["violations"]
        for node in flaw["nodes"]
    ]
