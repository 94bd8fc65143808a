"""The page on a set: the verdict first, every failure in it, nothing from outside, the same bytes again."""

import base64
import re
from html.parser import HTMLParser

import pytest

from calibrant.frames.times import parse_time
from calibrant.verify.page.words import ranges, sentence

HOSTILE = '<script>alert("&amp;")</script>'


class Page(HTMLParser):
    """Takes a page apart: its tags with attributes, its text, its tables by caption."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words, self.tables = [], [], [], {}
        self._rows, self._caption = [], ""
        self.feed(text)
        assert self.open == [], "a tag is not closed"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if "caption" in self.open:
            self._caption += data
        elif {"td", "th"} & set(self.open):
            self._rows[-1][-1] += data

    def table(self, begins):
        (found,) = [rows for caption, rows in self.tables.items() if caption.startswith(begins)]
        return found


@pytest.fixture
def paged(bench):
    """Decide on a set and return its report and its page."""
    return bench.paged


def biases(bench, detectors=(0, 1), count=3):
    measured = []
    for detector in detectors:
        frames = bench.frames("bias", count, detector)
        measured.append(bench.measure(bench.master("bias", frames), frames)[1])
    return measured


def test_the_verdict_stands_first_then_a_sentence_for_each_detector(bench, paged):
    bench.noisy[1] = {"A11": 3.0}
    report, text = paged("bias", biases(bench))
    page = Page(text)
    said = page.text
    assert said.index("Certified with failures") < said.index("Detector 0 (S00): certified.")
    assert said.index("Detector 1 (S01): certified with failures.") < said.index("What failed")
    assert all(sentence(one.reason) in said for one in report.detectors)
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_every_failed_test_is_in_it_with_value_limit_and_place(bench, paged):
    bench.noisy[1] = {"A11": 2.3, "A00": 2.0}
    report, text = paged("bias", biases(bench))
    assert len(report.failures) == 6
    _, *rows = Page(text).table("Failed tests that count")
    assert [row[:3] for row in rows] == [
        ["NOISE", "detector 1 (S01), amplifier A00", "all 3"],
        ["NOISE", "detector 1 (S01), amplifier A11", "all 3"],
    ]
    for row, name in zip(rows, ("A00", "A11"), strict=True):
        worst = max((one for one in report.failures if one.amplifier == name), key=lambda one: one.value)
        assert row[3:5] == [f"{worst.value:.4g}", f"{worst.limit:g}"]
        assert worst.exposure_id in row[5]
        assert row[6] == worst.because


def test_a_page_stands_alone_runs_nothing_and_tells_its_pictures_and_tables_in_words(bench, paged):
    _, text = paged("bias", biases(bench))
    page = Page(text)
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    metrics = [tag for tag, _ in page.tags].count("h3")
    assert metrics >= 4
    assert len(pictures) == 2 + 3 * metrics  # the products; mosaic, histogram and course of each metric
    assert all(len(one["alt"]) > 20 for one in pictures)
    assert all(attrs["scope"] in {"col", "row"} for tag, attrs in page.tags if tag == "th")
    assert all(page.tables)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "link", "form", "base"})
    addresses = [value for _, attrs in page.tags for name, value in attrs.items() if name in {"src", "href"}]
    assert addresses
    assert all(re.match(r"data:image/(png|svg\+xml);base64,|#", one) for one in addresses)
    assert "url(" not in text
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    for address in addresses:
        if address.startswith("data:image/svg"):
            drawn = base64.b64decode(address.partition(",")[2]).decode()
            assert set(re.findall(r'(?:href|src)="([^"#][^:"]*)', drawn)) <= {"data", "http"}
            assert not re.search(r'href="http', drawn)


def test_the_same_job_gives_the_same_bytes(bench, paged):
    measured = biases(bench, [0])
    assert paged("bias", measured)[1] == paged("bias", measured)[1]


def test_hostile_names_are_text_and_exposures_from_before_leap_seconds_are_dated_in_tai(bench, paged):
    measured = biases(bench, [0])
    report = bench.rewritten(measured[0], HOSTILE, parse_time("1971-05-05T01:02:03 TAI"))
    _, text = paged("bias", [report], missing={1: HOSTILE})
    assert "<script" not in text
    page = Page(text)
    assert page.text.count(HOSTILE) >= 4
    assert "script" not in {tag for tag, _ in page.tags}
    _, *rows = page.table("Exposures")
    assert len(rows) == 3
    assert all("1971-05-05 01:02:03 TAI" in row for row in rows)


def test_a_set_without_any_measurement_has_a_page_that_says_so(paged):
    _, text = paged("bias", [], missing={0: "no product", 1: "2 frames, 3 are needed"})
    page = Page(text)
    assert "Not certified" in page.text
    assert page.table("What could not be measured")[1:] == [
        ["all", "0", "no product"],
        ["all", "1", "2 frames, 3 are needed"],
    ]
    assert "img" not in {tag for tag, _ in page.tags}


def test_whole_numbers_are_written_as_ranges():
    assert ranges([3, 1, 2, 7, 9, 10]) == "1-3, 7, 9-10"
    assert ranges([]) == ""
