"""Any value for any parameter: an answer that the OpenAPI document announces, in the one shape, and never a 500."""

from __future__ import annotations

import random
import string

import orjson

from aggregator.api.app import openapi_document

ODD = [
    "", " ", "0", "-1", "1", "2", "1e999", "nan", "inf", "true", "null", "[]", "%", "'", '"; DROP TABLE visits',
    "%00",
    "\x00", "G1", "G3", "g99", "left", "lefft", "2026-03-01T12:00:00Z", "0001-01-01", "9999-12-31T23:59:59Z",
    "2026-02-30", "9" * 40, "٣", "😀", "a" * 700, "1772366400:3", "1e308:1", "../../etc/passwd", "png", "json",
    "identity"]


def test_no_request_makes_the_server_fail(site):
    chance = random.Random(7)

    def value() -> str:
        if chance.random() < 0.7:
            return chance.choice(ODD)
        return "".join(chance.choices(string.printable, k=chance.randint(0, 12)))

    document = openapi_document()
    cases = [(path, method, operation) for path, methods in document["paths"].items()
             for method, operation in methods.items()]

    async def conversation(client):
        for _ in range(25):
            for path, method, operation in cases:
                address, query = path, []
                for parameter in operation["parameters"]:
                    if parameter["in"] == "path":
                        given = value().replace("/", "").replace(".", "") or "x"
                        given = given.replace("{", "").replace("}", "").replace("?", "").replace("#", "") or "x"
                        address = address.replace("{" + parameter["name"] + "}", given)
                    elif chance.random() < 0.4:
                        query.append((parameter["name"], value()))
                if chance.random() < 0.1:
                    query.append((value() or "x", value()))
                body = {"data": value().encode("utf-8", "replace")} if method == "post" else {}
                async with client.request(method, address, params=query, allow_redirects=False, **body) as answer:
                    data = await answer.read()
                    told = (method, address, query, answer.status, data[:300])
                    announced = {*operation["responses"], *(["400"] if query else [])}
                    assert str(answer.status) in announced, told
                    assert answer.status < 500, told
                    if answer.status >= 400:
                        assert set(orjson.loads(data)["error"]) == {"code", "message", "field", "cure"}, told

    site.talk(conversation)
