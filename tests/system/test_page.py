"""The page in a real browser, against a real server."""

from __future__ import annotations

import csv
import json
import sys
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from service.batch.score import score_files
from service.model.tagger import Tagger
from service.rows import read_rows
from tests.conftest import ROOT
from tests.system.browser import Browser, axe_source, opened
from tests.system.server import Server

TITLE = "Émigrés 👩‍👧 flee border CLASH"
STORY = "𝒳 “Shelling” killed two soldiers; 👩‍👧 shelling killed more at the border.\n\nTalks on a truce failed, the foreign minister said."
TERMS = 20

# Every piece of a panel's field, with the number that its tip shows or null.
PIECES = """
return [...document.querySelectorAll(arguments[0])].map((field) => [...field.childNodes].flatMap((node) => {
  if (node.nodeType === 3) return [[node.data, null]];
  const mark = node.matches("mark") ? node : node.querySelector("mark");
  return [[mark.textContent, node.querySelector(".tip b")?.textContent ?? "shaded"]];
}));
"""
DROP = """
const data = new DataTransfer();
data.items.add(new File([new Uint8Array(arguments[1])], arguments[0]));
const event = (name) => new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: data });
const place = document.querySelector(arguments[2] ?? ".drop");
place.dispatchEvent(event("dragover"));
place.dispatchEvent(event("drop"));
"""
ROWS = """
const [name, bytes, done] = arguments;
import("/static/rows.js").then(({ readRows }) => {
  const { rows } = readRows(name, new Uint8Array(bytes));
  done(rows.map(({ line, record, fault }) => [line, record ?? null, Boolean(fault)]));
}).catch((error) => done(error.message));
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server([sys.executable, "-m", "service"], cwd=ROOT) as server:
        yield server


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser, server: Server) -> Iterator[Browser]:
    """Open the page; afterwards nothing may have left the origin, and the console may hold no complaint."""
    chromium.colours("light")
    chromium.size(1280, 800)
    chromium.open(server.url)
    yield chromium
    held = ("chrome:", "chrome-untrusted:")  # for the start page, which Chromium holds itself
    own = (f"{server.url}/", f"blob:{server.url}/", "data:", *held)
    strays = [url for url in chromium.requests if not url.startswith(own)]
    assert strays == []
    assert chromium.complaints() == []


def type_story(browser: Browser, text: str, title: str = "", number: int = 1) -> None:
    """Put a story into the form as a keyboard would; letters outside the basic plane are more than the driver's keyboard has."""
    for field, value in ((f"title{number}", title), (f"text{number}", text)):
        browser.one(f"#{field}").clear()
        browser.one(f"#{field}").click()
        browser.command("Input.insertText", text=value)


def answered(browser: Browser, count: int = 1) -> None:
    browser.until(lambda: len(browser.all("#answer:not([hidden], [aria-busy=true]) .answer")) == count, f"{count} answers")


def evidence(server: Server, story: dict[str, str]) -> Any:
    request = urllib.request.Request(
        f"{server.url}/classify?evidence={TERMS}", json.dumps(story).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def weights(field: str, name: str, items: list[dict[str, Any]]) -> list[float]:
    """Sum the evidence over every code point of a field."""
    sums = [0.0] * len(field)
    for item in items:
        spans = [item, *item.get("also", [])]
        for span in spans:
            if span.get("field", "text") == name:
                for place in range(span["start"], span["end"]):
                    sums[place] += item["weight"] / len(spans)
    return sums


def test_typing_is_enough_and_each_word_bears_what_the_service_says(browser: Browser, server: Server) -> None:
    type_story(browser, STORY, TITLE)
    answered(browser)
    said = evidence(server, {"title": TITLE, "text": STORY})
    assert [chip.get_attribute("value") for chip in browser.all("input[name=why1]")] == [*said["topics"], said["tone"]]
    for panel, items in enumerate(said["evidence"].values(), 1):
        for selector, name, field in (("headline", "title", TITLE), ("text", "text", STORY)):
            [pieces] = browser.run(PIECES, f".panel:nth-of-type({panel}) .{selector}")
            assert "".join(text for text, _ in pieces) == field
            expected, place = weights(field, name, items), 0
            for text, number in pieces:
                here = expected[place : place + len(text)]
                assert here == pytest.approx([here[0]] * len(text))
                assert number == (None if not here[0] else f"{here[0]:+.3f} here" if any(map(str.isalnum, text)) else "shaded")
                place += len(text)


def test_the_verdict_is_told_to_screen_readers_and_bars_have_numbers(browser: Browser, server: Server) -> None:
    type_story(browser, STORY)
    answered(browser)
    said = evidence(server, {"text": STORY})
    assert browser.run("return document.querySelector('#said').textContent") == ", ".join(
        [label.replace("_", " ") for label in [*said["topics"], said["tone"]]]
    )
    scores = {**said["scores"]["topics"], **said["scores"]["tone"]}
    widths = [float(bar.get_attribute("width")) for bar in browser.all(".bar .fill")]
    assert widths == pytest.approx([100 * score for score in scores.values()], abs=0.01)
    assert len(browser.all(".bar .tick")) == len(said["scores"]["topics"])


def test_labels_are_switched_by_keyboard_and_the_choice_outlives_the_next_answer(browser: Browser) -> None:
    type_story(browser, STORY)
    answered(browser)
    browser.one("input[name=why1]:checked").send_keys(Keys.ARROW_RIGHT)
    labels = [chip.get_attribute("value") for chip in browser.all("input[name=why1]")]
    assert browser.one("input[name=why1]:checked").get_attribute("value") == labels[1]
    assert [panel.is_displayed() for panel in browser.all(".panel")] == [place == 1 for place in range(len(labels))]
    browser.one("#text1").send_keys(" Then came more.")
    browser.until(lambda: "Then came more." in "".join(panel.text for panel in browser.all(".panel")), "the next answer")
    answered(browser)
    assert browser.one("input[name=why1]:checked").get_attribute("value") == labels[1]


def test_a_word_shows_its_numbers_on_focus_and_on_hover_and_escape_hides_them(browser: Browser) -> None:
    type_story(browser, STORY)
    answered(browser)
    word = browser.one(".panel .word mark")
    tip = browser.one(f"#{word.get_attribute('aria-describedby')}")
    assert not tip.is_displayed()
    browser.run("arguments[0].focus()", word)
    assert tip.is_displayed()
    assert "+" in tip.text
    inside = browser.run("const box = arguments[0].getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth", tip)
    assert inside
    word.send_keys(Keys.ESCAPE)
    browser.until(lambda: not tip.is_displayed(), "the tip hidden")
    ActionChains(browser.driver).move_to_element(word).perform()
    browser.until(tip.is_displayed, "the tip under the pointer")
    ActionChains(browser.driver).move_to_element(browser.one("h1")).perform()
    browser.until(lambda: not tip.is_displayed(), "the tip hidden again")


def test_a_blank_story_is_refused_in_words_and_typing_takes_them_away(browser: Browser) -> None:
    browser.one("button[type=submit]").click()
    browser.until(lambda: browser.one("#faults").text, "a fault")
    assert browser.one("#faults").text == "Story 1: neither title nor text holds anything."
    assert browser.one("#faults").get_attribute("role") == "alert"
    type_story(browser, STORY)
    answered(browser)
    assert not browser.one("#faults").text
    browser.one("#text1").send_keys(Keys.CONTROL, "a")
    browser.one("#text1").send_keys(Keys.DELETE)
    browser.until(lambda: not browser.one("#answer").is_displayed(), "the answer gone")


def test_a_service_that_is_gone_is_said_on_the_page(browser: Browser) -> None:
    browser.command("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    try:
        type_story(browser, STORY)
        browser.until(lambda: "does not answer" in browser.one("#faults").text, "a fault")
    finally:
        browser.command("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    assert all("ERR_INTERNET_DISCONNECTED" in complaint for complaint in browser.complaints())


def test_two_stories_stand_side_by_side_and_are_switched_together(browser: Browser) -> None:
    assert not browser.one("#text2").is_displayed()
    browser.one("#second").click()
    type_story(browser, STORY)
    type_story(browser, "Guards killed two soldiers at the border. Talks between the two governments failed.", number=2)
    answered(browser, 2)
    first, second = browser.all(".answer")
    assert first.rect["y"] == second.rect["y"]
    assert first.rect["x"] + first.rect["width"] <= second.rect["x"]
    others = [{chip.get_attribute("value") for chip in browser.all(f"input[name=why{number}]:not(:checked)")} for number in (1, 2)]
    label = min(others[0] & others[1])
    browser.one(f'input[name=why2][value="{label}"] + label').click()
    assert browser.one("input[name=why1]:checked").get_attribute("value") == label
    browser.size(390)
    above, below = browser.all(".answer")
    assert above.rect["y"] + above.rect["height"] <= below.rect["y"]


def test_markup_in_a_story_or_a_file_stays_text(browser: Browser) -> None:
    attack = '</textarea></p><img src=x onerror="window.struck=1"><script>window.struck=2</script> killed at the border'
    type_story(browser, attack, attack)
    answered(browser)
    assert browser.one(".panel .text").text == attack
    row = json.dumps({"title": attack, "text": attack}).encode()
    browser.run(DROP, "<img src=x onerror=window.struck=3>.jsonl", list(row + b"\n{<b>"))
    browser.until(lambda: browser.all(".open"), "the results")
    browser.one(".open").click()
    answered(browser)
    assert browser.run("return [window.struck ?? null, document.querySelectorAll('main img, main script').length]") == [None, 0]


def test_a_dropped_file_is_tagged_as_the_command_line_does_it(browser: Browser, default_tagger: Tagger, tmp_path: Path) -> None:
    rows = [
        json.dumps({"id": 12345678901234567890 + number, "text": f"Shells fell across the border, {number} were killed"})
        for number in range(300)
    ]
    rows[7:7] = ['{"text": 5}', '{"title": " "}', "", '{"text": "cut']
    source = tmp_path / "news.jsonl"
    source.write_text("\n".join(rows), "utf-8")
    browser.run(DROP, source.name, list(source.read_bytes()), "#form")
    browser.until(lambda: browser.one("#file-status").text == "news.jsonl: 300 of 303 rows tagged, 3 failed.", "the summary")
    failures = [row.text for row in browser.all("#file-results .scroll:nth-of-type(1) tbody tr")]
    assert failures[0] == "8 text: must be text, not a number"
    assert failures[1] == "9 text: neither title nor text holds anything"
    assert failures[2].startswith("11 not JSON: ")
    assert len(browser.all("#file-results .scroll:nth-of-type(2) tbody tr")) == 100
    assert len([url for url in browser.requests if url.endswith("/classify")]) >= 2
    browser.one("a.download").click()
    expected = tmp_path / "expected.jsonl"
    score_files([str(source)], str(expected), model=default_tagger.model.folder)
    assert alike(downloaded(browser, "news.tagged.jsonl"), [json.loads(line) for line in expected.read_text("utf-8").splitlines()])
    browser.all("a.download")[1].click()
    assert [row["line"] for row in downloaded(browser, "news.jsonl.rejects.jsonl")] == [8, 9, 11]


def test_a_dropped_csv_comes_back_as_csv_with_its_own_columns(browser: Browser, default_tagger: Tagger, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_bytes('id,title,"a ""note"""\n1,"Talks, at last","x\ny"\n2,Émigrés flee border clash 👩‍👧,\n3,short\n'.encode())
    browser.run(DROP, source.name, list(source.read_bytes()))
    browser.until(lambda: browser.one("#file-status").text == "news.csv: 2 of 3 rows tagged, 1 failed.", "the summary")
    assert browser.one("#file-results tbody tr").text == "5 2 cells, but the header has 3 columns"
    browser.one("a.download").click()
    expected = tmp_path / "expected.csv"
    score_files([str(source)], str(expected), model=default_tagger.model.folder)
    with expected.open(encoding="utf-8", newline="") as file:
        assert alike(downloaded(browser, "news.tagged.csv"), list(csv.DictReader(file)))
    browser.all(".open")[1].click()
    browser.until(lambda: browser.one("#title1").get_property("value") == "Émigrés flee border clash 👩‍👧", "the story in the form")


def downloaded(browser: Browser, name: str) -> list[dict[str, Any]]:
    path = browser.downloads / name
    browser.until(path.exists, f"the download of {name}")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def alike(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Compare rows; the service rounds its figures to six places."""
    assert [list(row) for row in found] == [list(row) for row in expected]
    for mine, theirs in zip(found, expected, strict=True):
        for name, value in theirs.items():
            if name.startswith("score_") or name == "coverage":
                assert float(mine[name]) == pytest.approx(float(value), abs=1e-6)
            else:
                assert mine[name] == value
    return True


FILES = {
    "plain.csv": b"title,text\na,b\n\n c ,d\n",
    "quoted.csv": b'title,text\r\n"a ""b"", c","d\r\ne"\r\n,"f"\r\n"",""\r\n',
    "ends.csv": b"text,n\na,1\rb,2\r\nc,",
    "cells.csv": b'text,n\na\nb,2,3\n"x\ny",1\nlate,2',
    "mark.csv": b"\xef\xbb\xbftext\nfirst\n5'\" tall\n",
    "bytes.csv": b"text,n\nfine,1\nbad \xff,2\n",
    "lines.jsonl": b'\xef\xbb\xbf{"text": "a"}\n\n  {"text": "b\\u2028"} \r\n[]\nnull\n{"text": \n3',
    "bytes.jsonl": b'{"text": "fine"}\n{"text": "\xff"}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_the_browser_reads_rows_as_the_command_line_does(browser: Browser, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    found = browser.driver.execute_async_script(ROWS, name, list(FILES[name]))
    assert found == [[row.line, row.record, bool(row.fault)] for row in read_rows(tmp_path / name)]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("notes.txt", b"x", "notes.txt: files of stories end in .jsonl or .csv."),
        ("empty.csv", b"", "empty.csv: holds no stories."),
        ("twice.csv", b"text,text\na,b\n", "The column “text” stands twice in the header."),
        ("other.csv", b"a,b\n1,2\n", "The header has neither a column title nor a column text."),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(browser: Browser, name: str, data: bytes, said: str) -> None:
    browser.run(DROP, name, list(data))
    browser.until(lambda: browser.one("#file-status").text == said, said)


def test_the_form_works_without_javascript(browser: Browser, server: Server) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(server.url)
        assert "needs JavaScript" in browser.one("#file").text
        type_story(browser, STORY, TITLE)
        browser.one("#second").click()
        type_story(browser, "Envoys signed the accord.", number=2)
        browser.one("button[type=submit]").click()
        answered(browser, 2)
        assert browser.one(".panel .text").text == STORY
        assert browser.one("#text2").get_property("value") == "Envoys signed the accord."
        browser.all("input[name=why1] + label")[1].click()
        assert [panel.is_displayed() for panel in browser.all(".answer:first-child .panel")][:2] == [False, True]
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


def show_results(browser: Browser, server: Server) -> None:
    browser.open(f"{server.url}/?sample=Border+fighting&beside=A+shot+at+the+fence")
    browser.run(DROP, "news.jsonl", list(b'{"text": "Shells fell across the border."}\n{"text": 5}\n'))
    browser.until(lambda: len(browser.all("#file-results table")) == 2, "the results")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_on_any_page(browser: Browser, server: Server, scheme: str, pytestconfig: pytest.Config) -> None:
    axe = axe_source(pytestconfig.cache.mkdir("axe-core"))
    browser.colours(scheme)
    for path in ("/", "/?sample=Border+fighting", "/card", ""):
        browser.size(390 if path == "/card" else 1280)
        browser.open(f"{server.url}{path}") if path else show_results(browser, server)
        browser.run(axe)
        if not path:
            browser.run("document.querySelector('.word mark').focus()")
        found = browser.driver.execute_async_script("const done = arguments[0]; axe.run().then((found) => done(found.violations))")
        assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_sideways(browser: Browser, server: Server, width: int) -> None:
    browser.size(width)
    show_results(browser, server)
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    browser.open(f"{server.url}/card")
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_headings_descend_one_by_one_and_the_first_tab_leads_to_the_content(browser: Browser, server: Server) -> None:
    browser.open(f"{server.url}/?sample=A+shot+at+the+fence")
    levels = [int(heading.tag_name[1]) for heading in browser.all("h1, h2, h3")]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    browser.one("body").send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.get_attribute("class") == "skip"
