"""The pages by themselves, as a browser without JavaScript gets them."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.http.app import create_app
from service.http.loading import EXTENSION
from service.http.markdown import render
from service.http.pages import samples
from service.http.shown import percent
from service.model.labels import LabelScheme
from service.model.tagger import Tagger
from tests.conftest import DEFAULT, ROOT
from training.corpus.stories import Corpus
from training.fitting.fit import Settings
from training.train import train

HTTP = ROOT / "service" / "http"
STORY = "Two soldiers were killed when troops exchanged fire across the border."


def client_of(folder: Path) -> FlaskClient:
    app = create_app({"MODEL": str(folder), "MAX_CHARACTERS": 10_000, "MAX_CONTENT_LENGTH": 200_000})
    assert app.extensions[EXTENSION].wait(60)
    return app.test_client()


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    with client_of(DEFAULT) as client:
        yield client


def words(page: str) -> str:
    """Give a page's words as they are read: without tags, entities resolved, runs of space as one."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_the_empty_page_asks_for_a_story_and_shows_no_answer(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "<textarea" in page
    assert "<article" not in page


def test_a_posted_story_comes_back_with_bars_thresholds_tone_and_words(client: FlaskClient, default_tagger: Tagger) -> None:
    page = client.post("/", data={"title1": "", "text1": STORY}).text
    said = client.post("/classify", json={"text": STORY}).get_json()
    shown = words(page)
    for topic, score in said["scores"]["topics"].items():
        assert f"{topic.replace('_', ' ')}{' , set' if topic in said['topics'] else ''} {percent(score)} from " in shown
        assert percent(default_tagger.model.thresholds[topic]) in shown
    assert page.count('type="radio"') == len(said["topics"]) + 1
    assert f'value="{said["tone"]}"' in page
    assert 'tabindex="0"' in page


def test_what_to_review_is_said_in_words(client: FlaskClient) -> None:
    assert "knows no word of this story" in words(client.post("/", data={"text1": "zzqqx xxqqz"}).text)
    assert re.search(r"Only \d+% of the words", words(client.post("/", data={"text1": "zzqqx xxqqz qqxxz the border"}).text))


def test_markup_in_a_story_is_shown_as_text(client: FlaskClient) -> None:
    attack = '</textarea></p><script>alert(1)</script><img src=x onerror="alert(2)"> \'" {{ 7 * 7 }} killed at the border'
    page = client.post("/", data={"title1": attack, "text1": attack, "second": "on", "title2": attack, "text2": attack}).text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert 'onerror="' not in page
    assert "{{ 7 * 7 }}" in words(page)


def test_line_ends_leading_blank_lines_and_spaces_survive(client: FlaskClient) -> None:
    page = client.post("/", data={"text1": "\r\nOne  two\r\nthree"}).text
    assert ">\n\nOne  two\nthree</textarea>" in page
    assert '<p class="text">\nOne  two\nthree</p>' in re.sub(
        r"</?(mark|span|b)[^>]*>", "", re.sub(r'<span class="tip".*?</span></span>', "</span>", page)
    )


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({}, 422, "Story 1: neither title nor text holds anything."),
        ({"title1": " ", "text1": "\r\n"}, 422, "Story 1: neither title nor text holds anything."),
        ({"text1": STORY, "second": "on"}, 422, "Story 2: neither title nor text holds anything."),
        ({"text1": "x" * 10_001}, 422, "Story 1: the text holds more than 10000 characters."),
        ({"text1": "x " * 150_000}, 413, "That is too long for the page; send it to /classify."),
    ],
)
def test_a_form_that_cannot_be_answered_says_why(client: FlaskClient, fields: dict[str, str], status: int, sentence: str) -> None:
    response = client.post("/", data=fields)
    assert response.status_code == status
    assert response.mimetype == "text/html"
    assert sentence in words(response.text)
    assert "<article" not in response.text


def test_a_second_story_is_answered_only_when_it_is_asked_for(client: FlaskClient) -> None:
    fields = {"text1": STORY, "text2": "Talks"}
    assert client.post("/", data=fields).text.count("<article") == 1
    assert client.post("/", data={**fields, "second": "on"}).text.count("<article") == 2


@pytest.mark.parametrize("name", [sample["name"] for sample in samples()])
def test_every_sample_is_one_link_away_and_answered(client: FlaskClient, name: str) -> None:
    links = [html.unescape(link) for link in re.findall(r'href="(/\?sample=[^"&]+)#answer"', client.get("/").text)]
    found = [link for link in links if name.replace(" ", "+") in link]
    assert "<article" in client.get(found[0]).text


def test_an_unknown_sample_is_an_empty_page(client: FlaskClient) -> None:
    response = client.get("/?sample=<script>")
    assert response.status_code == 200
    assert "<article" not in response.text


@pytest.mark.parametrize("path", ["/", "/card", "/static/page.css", "/static/page.js", "/static/nothing"])
def test_every_part_of_the_page_is_under_the_strict_policy(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_labels_come_from_the_model(default_tagger: Tagger, tmp_path: Path) -> None:
    sources = [*HTTP.glob("*.py"), *HTTP.glob("templates/*"), *HTTP.glob("static/*")]
    for label in default_tagger.model.labels.columns:
        assert not [path.name for path in sources if label in path.read_text("utf-8")]
    folder = shutil.copytree(DEFAULT, tmp_path / "renamed")
    manifest = (folder / "manifest.json").read_text("utf-8")
    (folder / "manifest.json").write_text(manifest.replace('"border_clash"', '"frontier_fight"').replace('"hostile"', '"grim"'), "utf-8")
    with client_of(folder) as renamed:
        page = words(renamed.post("/", data={"text1": STORY}).text)
    assert "frontier fight" in page
    assert "grim" in page


@pytest.mark.parametrize("head", ["topics", "tone"])
def test_a_model_with_one_head_is_shown_without_the_other(small_corpus: Corpus, head: str, tmp_path: Path) -> None:
    labels = LabelScheme.from_json({head: small_corpus.labels.to_json()[head]})
    alone = [row if head == "topics" else replace(row, topics=()) for row in small_corpus.rows[::3]]
    rows = tuple(replace(row, tone=None) if head == "topics" else row for row in alone)
    train(Corpus(labels, rows, small_corpus.lexicon), Settings()).write(tmp_path / "one")
    with client_of(tmp_path / "one") as client:
        page = client.post("/", data={"text1": STORY}).text
    assert ("<caption>Topics</caption>" in page, "<caption>Tone</caption>" in page) == (head == "topics", head == "tone")
    assert page.count(" checked><label") == 1


def test_the_card_is_shown_with_its_tables_and_nothing_of_it_is_markup(client: FlaskClient, default_tagger: Tagger, tmp_path: Path) -> None:
    page = client.get("/card").text
    assert f"<h1>Model {default_tagger.model.name}</h1>" in page
    assert '<th scope="row">' in page
    assert "|" not in words(page)
    folder = shutil.copytree(DEFAULT, tmp_path / "hostile")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["files"]["card.md"]
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (folder / "card.md").write_text("# <script>x</script>\n\n- **<b>** `<i>`\n  more\n\n| <a> |\n|---|\n| <u> |\n\nlast", "utf-8")
    with client_of(folder) as strange:
        page = strange.get("/card").text
        assert not re.search(r"<(script>x|b>|i>|a>|u>)", page)
        (folder / "card.md").unlink()
        assert strange.get("/card").status_code == 404


def test_markdown_of_cards_becomes_html() -> None:
    assert render("# A `b`\ntext\nmore\n\n* one\n  two\n- **three**\n\n|x|y|\n|:--|--:|\n|1|2|") == (
        "<h1>A <code>b</code></h1>\n<p>text\nmore</p>\n<ul><li>one\ntwo</li><li><strong>three</strong></li></ul>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead>'
        '<tr><th scope="col">x</th><th scope="col">y</th></tr></thead><tbody>\n<tr><th scope="row">1</th><td>2</td></tr>\n'
        "</tbody></table></div>"
    )


def test_without_a_model_the_form_is_there_and_an_answer_says_why_not(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    assert client.get("/").status_code == 200
    response = client.post("/", data={"text1": STORY})
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "could not be loaded" in words(response.text)
    assert str(tmp_path) not in response.text


@pytest.mark.parametrize(("probability", "shown"), [(0.5, "50.0%"), (0.9996, ">99.9%"), (0.0002, "<0.1%"), (0.999, "99.9%")])
def test_no_probability_is_written_as_a_certainty(probability: float, shown: str) -> None:
    assert percent(probability) == shown
