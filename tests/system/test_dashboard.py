"""The dashboard in a real browser, against a real aggregator and a real agent that reads real video."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import quote

import cv2
import pytest

from common.local_token import read_local_token
from common.places import read_zones
from deploy.demo.programs import Programs
from tests.support.blobs import Walker, write_video
from tests.support.chromium import Page, browse, find_chromium
from tests.support.site import Site, get, wait_for

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.system, pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine: apt-get install chromium")]

BLUE, GREEN, RED, YELLOW = (255, 80, 80), (80, 255, 80), (80, 80, 255), (80, 255, 255)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two cameras that play for ever; `hall` may be looked at, `yard` keeps its pictures."""
    folder = tmp_path_factory.mktemp("site")
    walkers = [Walker(5 + 40 * i, 95 + 40 * i, -10, 330, upper, lower, foot=160 + 60 * (i % 2))
               for i, (upper, lower) in enumerate(((BLUE, RED), (GREEN, BLUE), (RED, YELLOW)))]
    with Programs(folder) as programs:
        made = Site(folder, programs)
        made.start_aggregator()
        made.start_agent([
            {"id": name, "source": str(write_video(folder / f"{name}.avi", walkers, 200)), "loop": True,
             "preview": {"allow": name == "hall"}} for name in ("hall", "yard")], speed=1.0)
        wait_for(lambda: len(get(f"{made.api}/identities")["identities"]) > 1, 60, "people are known")
        yield made


def in_browser(site: Site, use: Callable[[Page], Awaitable[None]], where: str = "#/") -> None:
    async def run() -> None:
        assert CHROMIUM is not None
        async with browse(CHROMIUM) as page:
            token = read_local_token(int(site.http.rpartition(":")[2]))
            await page.open(f"http://{site.http}/login?next=/{quote(where)}#token={token}")
            await use(page)
            assert [one for one in page.problems if not any(sign in one for sign in page.expected)] == []
            strangers = [address for address in page.addresses
                         if site.http not in address and not address.startswith(("blob:", "data:", "about:"))]
            assert strangers == [], "nothing outside the server is asked for"

    asyncio.run(run())


def test_cameras_are_seen_live_where_they_allow_it(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("document.querySelectorAll('.tile').length === 2")
        await page.wait("document.querySelector('.tile[href$=hall] canvas.painted')", 30)
        before = await page.run("passage.painted()")
        await page.wait(f"passage.painted() > {before} + 5")
        # What is painted is the camera's picture: a dark ground.
        assert await page.run("""(() => { const c = document.querySelector('.tile[href$=hall] canvas');
            return c.getContext('2d').getImageData(3, 3, 1, 1).data[0] })()""") < 60
        assert await page.run("document.querySelector('.tile[href$=yard] canvas.painted')") is None
        assert "stay on the box" in await page.run("document.querySelector('.tile[href$=yard]').innerText")
        await page.wait("document.querySelector('.tally dd').innerText.match(/^\\d+$/)")

    in_browser(site, use)


def test_an_identity_its_page_and_its_visits(site: Site) -> None:
    async def use(page: Page) -> None:
        first = await page.wait("document.querySelector('#identities .card')?.dataset.id")
        await page.run("document.querySelector('#identities .card').click()")
        await page.wait(f"document.querySelector('h1')?.innerText.startsWith({first!r})")
        await page.wait("document.querySelectorAll('.timeline .bar-visit').length >= 1")
        await page.wait("document.querySelectorAll('.visit .figure').length >= 1")
        assert await page.run("document.querySelectorAll('.visit img, .visit canvas').length") == 0, "silhouettes only"
        assert "sure" in await page.run("document.querySelector('.why').innerText")
        await page.run("document.querySelector('.bar-visit').click()")
        assert await page.run("document.querySelectorAll('.visit.chosen').length") == 1

    in_browser(site, use, "#/people")


def test_who_is_here_now_is_seen_live_where_their_camera_allows_it(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("""(async () => {
            const {visits} = await (await fetch('/api/visits?camera=hall&limit=10')).json();
            const here = visits.find(visit => !visit.final && visit.global_id);
            if (!here) return false;
            location.hash = `#/people/${here.global_id}`;
            for (let tries = 0; tries < 40; tries += 1) {
                await new Promise(done => setTimeout(done, 100));
                if (document.querySelector('.now canvas.painted')) return true;
            }
            return false;
        })()""", 90)
        assert "hall" in await page.run("document.querySelector('.now').innerText")

    in_browser(site, use, "#/people")


def test_a_visit_is_judged_and_that_is_taken_back(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("[...document.querySelectorAll('.judge button')].find(b => b.innerText === 'Right')")
        await page.run("[...document.querySelectorAll('.judge button')].find(b => b.innerText === 'Right').click()")
        await page.wait("document.querySelector('dialog #who')")
        await page.run("document.querySelector('dialog #who').value = 'Ada'")
        await page.run("document.querySelector('dialog .main').click()")
        await page.wait("document.querySelector('.toast button')?.innerText === 'Undo'")
        assert get(f"{site.api}/corrections")["corrections"][0]["who"] == "Ada"
        await page.run("document.querySelector('.toast button').click()")
        await page.wait("fetch('/api/corrections').then(r => r.json()).then(x => x.corrections.length === 2)")
        await page.run("location.hash = '#/system'")
        await page.wait("document.querySelector('.undone')")

    first = get(f"{site.api}/identities")["identities"][-1]["global_id"]
    in_browser(site, use, f"#/people/{first}")


def test_somebody_is_found_by_a_photo(site: Site) -> None:
    capture = cv2.VideoCapture(str(site.folder / "hall.avi"))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 45)
    _, frame = capture.read()
    photo = site.folder / "photo.jpg"
    rows, columns = (frame.max(axis=2) > 120).nonzero()
    assert cv2.imwrite(str(photo), frame[rows.min():rows.max(), columns.min():columns.max()])

    async def use(page: Page) -> None:
        await page.wait("document.querySelector('#photo')")
        await page.choose_file("#photo", photo)
        best = await page.wait("document.querySelector('#found .hit b')?.innerText")
        assert best.startswith("G")
        assert await page.run("document.querySelector('#found img').naturalWidth") > 0
        # Dropping it anywhere does the same.
        await page.run("document.querySelector('#found button:not([data-by])').click()")
        await page.run("""new Promise(done => {
            const photo = document.querySelector('#found img'), copy = document.createElement('canvas');
            [copy.width, copy.height] = [photo.naturalWidth, photo.naturalHeight];
            copy.getContext('2d').drawImage(photo, 0, 0);
            copy.toBlob(blob => {
                const data = new DataTransfer();
                data.items.add(new File([blob], 'dropped.png', {type: 'image/png'}));
                document.body.dispatchEvent(
                    new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
                done();
            }, 'image/png');
        })""")
        await page.wait("document.querySelector('#found:not([hidden])')?.innerText.includes('dropped.png')")
        # The cameras play on: by now somebody who was seen meanwhile may look as much like it.
        await page.wait("document.querySelector('#found .hit b')?.innerText")
        assert best in await page.run("[...document.querySelectorAll('#found .hit b')].map(one => one.innerText)")
        # By the face instead: no camera here looks for any, and it says how one would.
        page.expected += ("409",)
        await page.run("document.querySelector('#found button[data-by=face]').click()")
        assert "faces: true" in await page.wait("document.querySelector('#found .trouble')?.innerText")

    in_browser(site, use, "#/people")


def test_an_event_arrives_by_itself(site: Site) -> None:
    async def use(page: Page) -> None:
        newest = "document.querySelector('.events tbody tr').innerText"
        await page.wait("document.querySelector('.events tbody td + td')")
        before = await page.run(newest)
        asked = len([address for address in page.addresses if "/api/events" in address])
        await page.wait(f"{newest} !== {json.dumps(before)}", 40)
        assert len([address for address in page.addresses if "/api/events" in address]) == asked, "nobody asked"

    in_browser(site, use, "#/events")


def test_a_camera_its_heatmap_and_who_is_in_it(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("document.querySelector('.stage canvas.painted')", 30)
        await page.wait("document.querySelector('#present .chip')", 30)
        await page.run("document.querySelector('input[type=checkbox]').click()")
        await page.wait("document.querySelector('.heat').naturalWidth > 0")
        assert "heat=1" in await page.run("location.hash")

    in_browser(site, use, "#/cameras/hall")


def test_a_zone_is_drawn_on_the_picture_and_the_box_can_read_it(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("document.querySelector('.stage canvas.painted')", 30)
        await page.run("document.querySelector('#edit-places').click()")
        await page.run("[...document.querySelectorAll('.tools button')].find(b => b.innerText === 'New zone').click()")
        await page.run("""(() => {
            const layer = document.querySelector('.places'), area = layer.getBoundingClientRect();
            for (const [x, y] of [[.1, .1], [.6, .1], [.6, .7]]) layer.dispatchEvent(new PointerEvent('pointerdown', {
                clientX: area.left + x * area.width, clientY: area.top + y * area.height, bubbles: true}));
        })()""")
        await page.press("Enter")
        await page.run("document.querySelector('.tools input').value = 'till'")
        await page.run("document.querySelector('.tools input').dispatchEvent(new Event('input'))")
        assert "till" in await page.run("document.querySelector('.places').textContent")
        # What a person would download.
        text = await page.run("""(async () => {
            let made;
            const real = URL.createObjectURL;
            URL.createObjectURL = blob => { made = blob; return real.call(URL, blob); };
            [...document.querySelectorAll('.tools button')].find(b => b.innerText.startsWith('Save')).click();
            return made.text();
        })()""")
        file = site.folder / "places.geojson"
        file.write_text(text)
        (zone,) = read_zones(file)
        # Sent to the box, which counts with it.
        await page.run("document.querySelector('.tools button.main').click()")
        await page.wait("document.querySelector('#toasts').innerText.includes('counts with them')")
        assert await page.run("document.querySelector('.tools').hidden")
        await page.wait("fetch('/api/zones?camera=hall').then(r => r.json()).then(x => x.zones[0]?.zone === 'till')")
        await page.wait("document.querySelector('.places').textContent.includes('till · ')")
        assert zone.name == "till"
        assert [(round(x, 2), round(y, 2)) for x, y in zone.polygon] == [(0.1, 0.1), (0.6, 0.1), (0.6, 0.7)]

    in_browser(site, use, "#/cameras/hall")


def test_who_was_seen_is_a_silhouette_where_pictures_stay_on_the_box(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("document.querySelector('.ghosts .figure')", 40)
        assert await page.run("document.querySelector('.stage canvas.painted')") is None

    in_browser(site, use, "#/cameras/yard")


def test_every_view_works_from_the_keyboard_and_on_a_phone(site: Site) -> None:
    async def use(page: Page) -> None:
        views = await page.wait("[...document.querySelectorAll('#nav a')].map(a => a.getAttribute('href'))")
        assert len(views) >= 4
        for number, href in enumerate(views, 1):
            await page.press(str(number))
            await page.wait(f"document.querySelector('#nav a[aria-current]')?.getAttribute('href') === {href!r}")
            await page.wait("document.querySelector('main .view h1')")
            assert await page.run("document.querySelector('.trouble')?.innerText") is None
        await page.press("1")
        await page.wait("document.querySelector('.tile')")
        for _ in range(40):
            await page.press("Tab")
            if await page.run("document.activeElement.classList.contains('tile')"):
                break
        await page.press("Enter")
        await page.wait("location.hash.startsWith('#/cameras/')")
        await page.resize(390, 844, mobile=True)
        for href in views:
            await page.run(f"location.hash = {href!r}")
            await page.wait(f"document.querySelector('#nav a[aria-current]')?.getAttribute('href') === {href!r}")
            await page.wait("document.querySelector('main .view h1')")
            await asyncio.sleep(0.3)
            assert await page.run("document.documentElement.scrollWidth") <= 390, f"{href} is wider than the phone"

    in_browser(site, use)


def test_an_aggregator_that_was_away_is_found_again(site: Site) -> None:
    async def use(page: Page) -> None:
        await page.wait("window.passage?.site.connected")
        name = f"aggregator-{site.aggregators}"
        await asyncio.to_thread(site.programs.stop, name)
        await page.wait("document.querySelector('#link').innerText.includes('reconnecting')")
        await asyncio.to_thread(site.start_aggregator)
        # Sessions end with the aggregator, and the page leads to where one begins.
        await page.wait("location.pathname === '/login'", 30)
        token = read_local_token(int(site.http.rpartition(":")[2]))
        await page.open("about:blank")
        await page.open(f"http://{site.http}/login?next=/%23/#token={token}")
        await page.wait("window.passage?.site.connected", 30)
        await page.wait("document.querySelector('.tile[href$=hall] canvas')")
        before = await page.run("passage.painted()")
        await page.wait(f"passage.painted() > {before} + 3", 40)
        expected = ("ERR_CONNECTION", "WebSocket", "401")
        page.problems = [one for one in page.problems if not any(word in one for word in expected)]

    in_browser(site, use)
