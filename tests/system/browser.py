"""A real Chromium for tests: headless, with a new profile, its network kept to this machine and every request on record."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

AXE = "axe-core@4.14.1"
QUIET = ("background-networking", "component-update", "sync", "quic", "gpu", "dev-shm-usage")
FLAGS = ("--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in QUIET))
WAIT = 20


def missing(what: str) -> NoReturn:
    """Skip for want of a tool, but never in CI: there it must be installed."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing; .ci/run installs it")
    pytest.skip(f"{what} is not installed")


class Browser:
    """Chromium on one page of the service. `requests` are the addresses of all that it has asked for so far."""

    def __init__(self, driver: webdriver.Chrome, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads
        self._requests: list[str] = []

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded with all its scripts, which the driver itself does not always do."""
        self.run("window.left = true")
        self.driver.get(url)
        self.until(lambda: self.run("return !window.left && document.readyState === 'complete'"), f"{url} loaded")

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def command(self, name: str, **parameters: object) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def until(self, happens: Callable[[], Any], what: str) -> Any:
        """Wait until `happens` gives something; elements that are replaced meanwhile are looked up again."""
        wait = WebDriverWait(self.driver, WAIT, 0.05, [StaleElementReferenceException])
        return wait.until(lambda _: happens(), f"never happened: {what}")

    def colours(self, scheme: str) -> None:
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def size(self, width: int, height: int = 844) -> None:
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    @property
    def requests(self) -> list[str]:
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        self._requests += [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return self._requests

    def complaints(self) -> list[str]:
        """Give what stands on the console, faults that the service answered with left out: those are meant."""
        entries = [entry["message"] for entry in self.driver.get_log("browser")]
        return [entry for entry in entries if "the server responded with a status of 4" not in entry]


@contextmanager
def opened(space: Path) -> Iterator[Browser]:
    """Start Chromium with a new profile in `space`, and end it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        missing("Chromium or its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, f"--user-data-dir={space / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        browser = Browser(chrome, space / "downloads")
        browser.downloads.mkdir()
        browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(browser.downloads))
        yield browser


def axe_source(cache: Path) -> str:
    """Give axe-core's script, from the npm registry once per test cache."""
    script = cache / f"{AXE}.js"
    if not script.exists():
        if not shutil.which("npm"):
            missing("npm, to fetch axe-core,")
        subprocess.run(["npm", "pack", AXE, "--silent", "--pack-destination", cache], check=True, capture_output=True, cwd=cache)
        with tarfile.open(cache / f"{AXE.replace('@', '-')}.tgz") as package:
            member = package.extractfile("package/axe.min.js")
            assert member is not None
            script.write_bytes(member.read())
    return script.read_text("utf-8")
