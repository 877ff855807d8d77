"""One tab of a browser: what it complained about, pictures of it, and what axe finds in it."""

from pathlib import Path
from pprint import pformat
from typing import Any

from browser.chromium import AXE
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, StorageState, expect

WAIT_MS = 30_000
"""Of every wait for something to appear: long, because a busy machine is slow and a test that passes never waits."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SERIOUS = ("serious", "critical")
DRAW = "() => new Promise(done => setTimeout(() => requestAnimationFrame(done), 100))"
"""Charts draw themselves anew in the colours of the theme."""
FIND_VIOLATIONS = """rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] }).then(result =>
  result.violations.map(one => ({ impact: one.impact, rule: one.id,
    nodes: one.nodes.slice(0, 5).map(node => `${node.target.join(' ')} ${node.failureSummary}`) })))"""


class Tab:
    """A page in a context of its own. tolerated: parts of complaints that the test provokes."""

    def __init__(self, browser: Browser, folder: Path, base: str, state: StorageState | None = None) -> None:
        self.context = browser.new_context(
            base_url=base,
            storage_state=state,
            viewport={"width": 1280, "height": 800},
            reduced_motion="reduce",
            locale="en-US",  # else it is the shell's, which may be none that JavaScript knows
        )
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.folder = folder
        self.tolerated: tuple[str, ...] = ()
        self.complaints: list[str] = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _note_response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"HTTP {response.status}: {response.url}")

    def list_complaints(self) -> list[str]:
        """What the console and the network said, without what is tolerated."""
        return [one for one in self.complaints if not any(part in one for part in self.tolerated)]

    def find_violations(self) -> list[dict[str, Any]]:
        """What axe finds of serious or critical impact."""
        self.page.evaluate(f"() => {{ if (!window.axe) {{ {AXE.read_text()} }} }}")
        found: list[dict[str, Any]] = self.page.evaluate(FIND_VIOLATIONS, RULES)
        return [one for one in found if one["impact"] in SERIOUS]

    def look(self, name: str) -> None:
        """Asserts that the page, when loaded, is accessible in light and dark, and keeps a picture of each."""
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            self.page.evaluate(DRAW)
            self.page.screenshot(path=self.folder / f"{name}-{theme}.png")
            found = self.find_violations()
            assert not found, f"{name} in {theme}: {pformat(found, width=160)}"
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")

    def close(self) -> None:
        self.context.close()
