"""A real browser in a pod: Debian's chromium, headless, driven by playwright-core from npm.

    browser = Browser(pod, install(REPOSITORY))
    with browser.open("http://gateway.default/") as page:
        assert page.run("document.title") == "hello"

It resolves names and dials like any app of the pod (uid 1000), so the pod's redirect rules lead it
through the sidecar.
"""

import json
import os
from pathlib import Path

from lab import LabError, Pod, npm, request

HERE = Path(__file__).resolve().parent
UID = 1000
CONTROL_PORT = 9229
PATIENCE = 60.0  # seconds for one command, on a busy machine too


def install(repository: Path) -> Path:
    """The npm modules, for Browser."""
    return npm.install(HERE, repository / "build" / "npm" / "browser")


class Page:
    """A tab in a profile of its own, without anybody else's cookies."""

    def __init__(self, browser: "Browser", number: int):
        self._browser = browser
        self._number = number

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def run(self, expression: str):
        """The value of a JavaScript expression in the page, once its promises are kept.

        LabError with the reason if it throws.
        """
        return self._browser.tell("/run", page=self._number, expression=expression)

    def told(self, kind: str) -> list[dict]:
        """What happened so far in this page: `console`, `response`, `failed`, `websocket` or
        `websocket_closed`, as driver.js tells it."""
        lines = self._browser.process.json_lines()
        return [line for line in lines if line.get("page") == self._number and kind in line]

    def close(self) -> None:
        self._browser.tell("/close", page=self._number)


class Browser:
    """Runs until the lab ends."""

    def __init__(self, pod: Pod, modules: Path):
        self.pod = pod
        pod.bind(modules / "node_modules", "browser/node_modules")  # node looks upwards
        home = pod.bind(HERE, "browser/driver")
        private = pod.run_dir / "browser-home"  # profiles and caches, gone with the lab
        private.mkdir()
        os.chown(private, UID, UID)
        self.process = pod.start(
            ["node", f"{home}/driver.js", str(CONTROL_PORT)],
            uid=UID,
            name="browser",
            env={"HOME": f"/run/{private.name}", "TMPDIR": f"/run/{private.name}"},
        )
        self.process.wait_for_line('"listening"', PATIENCE)

    def open(self, url: str, before: str = "") -> Page:
        """A new page, once it has loaded. `before`: JavaScript that runs before the page's own."""
        return Page(self, self.tell("/open", url=url, before=before)["page"])

    def tell(self, verb: str, **wish):
        """One command of driver.js."""
        body = json.dumps(wish).encode()
        answer = request(
            self.pod,
            "127.0.0.1",
            CONTROL_PORT,
            verb,
            method="POST",
            body=body,
            timeout=PATIENCE,
        )
        said = json.loads(answer.body)
        if "error" in said:
            raise LabError(f"browser {verb} {wish}: {said['error']}\n{self.process.tail()}")
        return said["result"]
