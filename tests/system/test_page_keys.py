"""The page of a service that asks for API keys, in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.system.browser import Browser, axe_source, opened
from tests.system.server import Server
from tests.system.test_page import DROP, answered, type_story

SERVICE = [sys.executable, "-m", "service"]
STORY = "Shells fell across the border and killed two soldiers."


def keys(file: Path, *words: str) -> str:
    return subprocess.run([*SERVICE, "keys", *words, "--file", file], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def key(file: Path) -> str:
    return re.findall(r"ct_\S+", keys(file, "new"))[0]


@pytest.fixture(scope="module")
def server(file: Path, key: str) -> Iterator[Server]:
    with Server(SERVICE, "--set", f"keys_file={file}", cwd=ROOT) as server:
        assert key
        yield server


@pytest.fixture
def browser(server: Server, tmp_path: Path) -> Iterator[Browser]:
    with opened(tmp_path) as browser:
        browser.open(server.url)
        yield browser


def give(browser: Browser, key: str) -> None:
    browser.one("#api-key").send_keys(key)
    browser.one("#key button").click()


def fault(browser: Browser, sentence: str) -> None:
    browser.until(lambda: browser.one("#faults").text == sentence, sentence)


def test_without_a_key_the_page_asks_for_one_and_a_wrong_one_is_refused(browser: Browser) -> None:
    type_story(browser, STORY)
    fault(browser, "Give an API key first, at the top of this page.")
    give(browser, "ct_0_wrong")
    fault(browser, "The API key is not known, or was revoked.")
    assert browser.driver.get_cookies() == []


def test_with_a_key_stories_files_and_the_card_are_answered_until_it_is_forgotten(browser: Browser, key: str) -> None:
    give(browser, key)
    browser.until(lambda: key.split("_")[1] in browser.one("#key").text, "the key's id")
    assert key not in browser.driver.page_source
    [cookie] = browser.driver.get_cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], "expiry" in cookie) == (True, "Strict", False)
    type_story(browser, STORY)
    answered(browser)
    browser.run(DROP, "news.jsonl", list(b'{"text": "Two soldiers were killed at the border"}\n'))
    browser.until(lambda: browser.one("#file-status").text == "news.jsonl: 1 of 1 rows tagged.", "the summary")
    browser.one("nav a:last-child").click()
    browser.until(lambda: "Model card" in browser.driver.page_source and browser.all("main table"), "the card")
    browser.driver.back()
    browser.one("#key button").click()
    browser.until(lambda: browser.all("#api-key"), "the field for a key")
    assert browser.driver.get_cookies() == []


def test_a_key_that_is_revoked_ends_for_the_page_too(browser: Browser, file: Path) -> None:
    key = re.findall(r"ct_\S+", keys(file, "new"))[0]
    give(browser, key)
    browser.until(lambda: not browser.all("#api-key"), "the key taken up")
    keys(file, "revoke", key.split("_")[1])
    time.sleep(1.2)  # longer than a key file is trusted for
    type_story(browser, STORY)
    fault(browser, "The API key is not known, or was revoked.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_field_for_the_key_is_accessible_and_fits_a_phone(browser: Browser, tmp_path: Path, scheme: str) -> None:
    browser.colours(scheme)
    browser.size(390)
    browser.run(axe_source(tmp_path))
    found = browser.driver.execute_async_script("axe.run().then((result) => arguments[0](result.violations.map((one) => one.id)))")
    assert found == []
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
