from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import ClassVar

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from aggregator.api.app import registry
from aggregator.api.docs.page import page


def test_the_document_is_openapi_3_1(site):
    document = site.ask("/api/openapi.json").json
    assert document["openapi"] == "3.1.0"
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_of_the_server_is_documented_and_the_other_way_round(site):
    document = site.ask("/api/openapi.json").json
    documented = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    served = {(route.method, route.resource.canonical) for route in site.app().router.routes()}
    assert served == documented


def test_every_route_and_parameter_says_what_it_is(site):
    document = site.ask("/api/openapi.json").json
    names = []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert operation["summary"], path
            for parameter in operation["parameters"]:
                assert parameter["description"], (path, parameter["name"])
    assert len(set(names)) == len(names)
    assert {tag["name"] for tag in document["tags"]} == {route.tag for route in registry().routes}


def test_path_parameters_are_those_in_the_path():
    for route in registry().routes:
        assert set(re.findall(r"{(\w+)}", route.path)) <= set(route.parameters.model_fields), route.path


def test_failures_are_documented_with_the_one_shape(site):
    document = site.ask("/api/openapi.json").json
    answers = document["paths"]["/api/identities/{id}"]["get"]["responses"]
    assert set(answers) == {"200", "400", "401", "403", "404", "429", "500", "503"}
    assert answers["404"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Failure"}


def test_times_are_date_times_in_the_document(site):
    schemas = site.ask("/api/openapi.json").json["components"]["schemas"]
    assert schemas["Leg"]["properties"]["timestamps"]["items"]["format"] == "date-time"


def test_the_docs_page_shows_every_route_and_asks_no_other_server(site):
    document = site.ask("/api/openapi.json").json
    answer = site.ask("/docs")
    text = answer.body.decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in text, path
    assert "&lt;/em" not in text
    assert "<em>{id}</em><wbr>/where" in text
    linked = re.findall(r'(?:href|src)="(/[^"]+)"', text)
    assert {"/docs/docs.css", "/docs/docs.js", "/api/openapi.json"} <= set(linked)
    answers = [site.ask(path) for path in linked]
    assert [answer.status for answer in answers] == [200] * len(linked)
    files = [answer.body.decode() for path, answer in zip(linked, answers, strict=True) if "json" not in path]
    assert not re.findall(r"https?://", "".join([text, *files]))
    assert "<script>" not in text
    assert "style=" not in text  # the policy allows neither


def test_the_docs_page_is_well_formed(site):
    """Every element that is opened is closed, in order."""
    class Checker(HTMLParser):
        stack: ClassVar[list[str]] = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "link", "input", "wbr"):
                self.stack.append(tag)

        def handle_endtag(self, tag):
            assert self.stack.pop() == tag, self.getpos()

    checker = Checker()
    checker.feed(site.ask("/docs").body.decode())
    assert checker.stack == []


def test_the_docs_page_escapes_what_it_shows(site):
    document = site.ask("/api/openapi.json").json
    document["info"]["title"] = "<script>alert(1)</script>"
    document["paths"]["/api/health"]["get"]["summary"] = "a<b"
    text = page(document)
    assert "<script>alert" not in text
    assert "a&lt;b" in text
