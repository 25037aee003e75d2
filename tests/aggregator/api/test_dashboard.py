from __future__ import annotations

import re
from typing import Any

import pytest

from aggregator.dashboard.files import files


def test_the_start_is_the_dashboard(site: Any) -> None:
    answer = site.ask("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"Passage" in answer.body


def test_everything_that_the_page_names_is_served_here(site: Any) -> None:
    page = site.ask("/").body.decode()
    named = re.findall(r'(?:href|src)="(/[^"#]+)"', page)
    assert {"/dashboard/main.js", "/dashboard/base.css", "/dashboard/icon.svg"} <= set(named)
    for path in set(named):
        assert site.ask(path).status == 200, path
    assert not re.findall(r"https?://", page)


@pytest.mark.parametrize("name", sorted(name for name in files() if name.endswith(".js")))
def test_modules_import_only_what_is_there_and_ask_no_other_server(name: str) -> None:
    text = files()[name].body.decode()
    folder = name.rpartition("/")[0]
    for target in re.findall(r'from "([^"]+)"', text):
        parts: list[str] = folder.split("/") if folder else []
        for part in target.split("/"):
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        assert "/".join(parts) in files(), f"{name} imports {target}"
    addresses = set(re.findall(r'https?://[^"\s]*', text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in text, "what the server says is text, never markup"
    assert f'/dashboard/{name}"' in files()["index.html"].body.decode(), "preloaded"


def test_nothing_of_it_needs_what_the_policy_forbids() -> None:
    page = files()["index.html"].body.decode()
    assert not re.findall(r"\sstyle=|\son\w+=|<style|javascript:", page)
    assert not re.findall(r"<script(?![^>]*\ssrc=)", page)


def test_browsers_keep_files_and_ask_whether_they_changed(site: Any) -> None:
    first = site.ask("/dashboard/main.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = site.ask("/dashboard/main.js", headers={"If-None-Match": first.headers["Etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/dashboard/none.js", "/dashboard/lib/none.js", "/dashboard/%2e%2e/files.py",
                                  "/dashboard/files.py", "/dashboard/lib/..%2ffiles.py"])
def test_nothing_else_is_served(site: Any, path: str) -> None:
    assert site.ask(path).status == 404
