"""The page as people see it: a real browser on a real server."""

from __future__ import annotations

import functools
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import npm
import numpy as np
import pytest
from browser import CHROMIUM, NO_CHROMIUM, launched, pixels_of
from demo_server import Server, serve
from demo_visitor import Visitor
from films import decoded, frames_of, sound_of, write_film
from PIL import Image

import colorzoo

pytest.importorskip("gradio", reason="the page needs the extra 'demo'")
playwright = pytest.importorskip("playwright.sync_api", reason="it is in the extra 'dev'")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(server: Server) -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as library, launched(library) as running:
        yield running


@pytest.fixture
def visitor(browser: playwright.Browser, server: Server) -> Iterator[Visitor]:
    person = Visitor(browser, server)
    yield person
    person.leave()
    assert (person.elsewhere, person.faults) == ([], [])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A grey PNG of 160 x 120 pixels."""
    path = tmp_path / "photo.png"
    ramp = np.linspace(0, 255, 160 * 120).reshape(120, 160).astype(np.uint8)
    Image.fromarray(ramp).save(path)
    return path


def test_one_picture_from_upload_to_download(visitor: Visitor, server: Server, photo: Path) -> None:
    visitor.give(photo)
    visitor.wait_for_note("160 x 120 pixels, first")
    expected = np.asarray(colorzoo.load(server.models["first"], device="cpu")(photo))
    np.testing.assert_array_equal(pixels_of(visitor.download("Download")), expected)

    images = visitor.page.locator("#result img")
    assert images.count() == 2
    sizes = images.evaluate_all("all => all.map(one => [one.naturalWidth, one.naturalHeight])")
    assert sizes == [[160, 120], [160, 120]]
    handle = visitor.page.locator("#result [role=slider]")
    before = handle.bounding_box()
    visitor.page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    visitor.page.mouse.down()
    visitor.page.mouse.move(before["x"] - 100, before["y"] + before["height"] / 2, steps=4)
    visitor.page.mouse.up()
    moved = handle.bounding_box()["x"]
    assert moved < before["x"] - 50
    handle.focus()
    visitor.page.keyboard.press("ArrowRight")
    assert handle.bounding_box()["x"] > moved + 5

    visitor.panel.get_by_label("Model").first.click()
    visitor.page.get_by_role("option", name="second").click()
    visitor.wait_for_note("160 x 120 pixels, second")
    expected = np.asarray(colorzoo.load(server.models["second"], device="cpu")(photo))
    np.testing.assert_array_equal(pixels_of(visitor.download("Download")), expected)


def test_saturation_and_models_by_keyboard(visitor: Visitor, photo: Path) -> None:
    visitor.give(photo)
    visitor.wait_for_note("160 x 120 pixels, first")
    model = visitor.panel.get_by_label("Model").first
    model.focus()
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    visitor.wait_for_note("160 x 120 pixels, second")
    saturation = visitor.panel.get_by_role("slider", name=re.compile("Saturation"))
    saturation.focus()
    with visitor.new_result():
        visitor.page.keyboard.press("Home")
    grey = pixels_of(visitor.download("Download")).astype(int)
    assert np.ptp(grey, axis=2).max() <= 1


def test_a_bad_file_is_explained(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"this is no picture at all")
    visitor.give(bad)
    text = visitor.message()
    assert "bad.jpg is not a picture" in text
    assert "/" not in text
    assert "Traceback" not in text
    visitor.panel.get_by_text("Drop a picture here").wait_for()  # it is not left in its place
    assert not visitor.page.locator("[data-testid=status-tracker] .error:visible").count()
    visitor.page.get_by_role("tab", name="Compare").click()
    visitor.page.get_by_test_id("toast-close").click()
    visitor.give(bad)
    visitor.message()
    visitor.panel.get_by_text("Drop a picture here").wait_for()
    assert visitor.page.get_by_test_id("toast-body").count() == 1


def test_many_pictures_become_a_zip(visitor: Visitor, photo: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.jpg"
    Image.new("L", (50, 40), 99).save(small)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    visitor.page.get_by_role("tab", name="Many").click()
    visitor.give(photo, small, bad)
    visitor.panel.get_by_text("small", exact=False).first.wait_for()
    visitor.panel.get_by_role("button", name="Colour all").click()
    visitor.wait_for_note("2 of 3 coloured")
    visitor.wait_for_note("bad.jpg is not a picture")
    with zipfile.ZipFile(io.BytesIO(visitor.download("Download all"))) as bundle:
        assert bundle.namelist() == ["photo-color.png", "small-color.jpg"]
        shapes = [pixels_of(bundle.read(name)).shape for name in bundle.namelist()]
    assert shapes == [(120, 160, 3), (40, 50, 3)]
    assert visitor.panel.locator("img").count() >= 2


def test_a_clip_is_coloured_played_and_stopped(visitor: Visitor, tmp_path: Path) -> None:
    long = write_film(tmp_path / "long.mp4", frames_of(240, 720, 960))
    short = write_film(tmp_path / "clip.mp4", frames_of(24, 48, 64), sound=True)
    visitor.page.get_by_role("tab", name="Film").click()
    visitor.give(long)
    visitor.wait_for_note("long")
    visitor.panel.get_by_role("button", name="Colour the film").click()
    visitor.panel.get_by_text(re.compile(r"[1-9]\d*/240 frames")).first.wait_for()
    visitor.panel.get_by_role("button", name="Stop").click()
    visitor.wait_for_note("Stopped.")
    visitor.panel.get_by_label("Clear").first.click()
    visitor.give(short)
    visitor.wait_for_note("clip")
    visitor.panel.get_by_label("Grey and colour side by side").check()
    visitor.panel.get_by_role("button", name="Colour the film").click()
    visitor.wait_for_note("24 frames in 1 shot,")
    visitor.page.wait_for_function(
        "document.querySelector('#film video')?.videoWidth == 171"
    )  # 128 of 4:3
    path = tmp_path / "result.mp4"
    path.write_bytes(visitor.download("Download film"))
    assert len(decoded(path)) == 24
    assert [data for _, data in sound_of(path)] == [data for _, data in sound_of(short)]


def test_models_side_by_side_and_attention(visitor: Visitor, photo: Path) -> None:
    visitor.page.get_by_role("tab", name="Compare").click()
    visitor.give(photo)
    sides = [visitor.page.locator(f"#side-{number} img") for number in (0, 1)]
    for side in sides:
        side.wait_for()
    assert sides[0].get_attribute("src") != sides[1].get_attribute("src")
    visitor.page.get_by_role("tab", name="About").click()
    visitor.panel.get_by_role("button", name="What the gates").click()
    visitor.give(photo)
    visitor.panel.get_by_text("24 x 16", exact=False).first.wait_for()


def test_two_visitors_get_their_own_pictures(
    browser: playwright.Browser, server: Server, tmp_path: Path
) -> None:
    people = [Visitor(browser, server) for _ in range(2)]
    for number, person in enumerate(people):
        path = tmp_path / str(number) / "photo.png"  # the same name for both
        path.parent.mkdir()
        Image.new("L", (90 + number, 70), 40 + 100 * number).save(path)
        person.give(path)
    for number, person in enumerate(people):
        person.wait_for_note(f"{90 + number} x 70 pixels")
        pixels = pixels_of(person.download("Download"))
        assert pixels.shape == (70, 90 + number, 3)
        assert abs(float(pixels.mean()) - (40 + 100 * number)) < 25
        person.leave()


@pytest.mark.parametrize(
    ("tab", "result", "button"),
    [("Picture", "#result", "Download"), ("Hints", "#wished", "Download picture")],
)
def test_the_next_picture_is_taken_as_untouched_as_the_first(
    visitor: Visitor, photo: Path, tab: str, result: str, button: str
) -> None:
    visitor.page.get_by_role("tab", name=tab).click()
    visitor.give(photo)
    visitor.page.locator(f"{result} img").last.wait_for()
    visitor.start_over()
    clear = photo.with_name("clear.png")
    Image.linear_gradient("L").convert("LA").save(clear)
    with Image.open(clear) as image:
        image.putalpha(Image.radial_gradient("L"))
        image.save(clear)
        alpha = np.asarray(image.getchannel("A"))
    visitor.give(clear)
    visitor.page.locator(f"{result} img").last.wait_for()
    with Image.open(io.BytesIO(visitor.download(button))) as image:
        np.testing.assert_array_equal(np.asarray(image.getchannel("A")), alpha)
    visitor.start_over()
    bad = photo.with_name("bad.jpg")
    bad.write_bytes(b"no picture")
    visitor.give(bad)
    assert "bad.jpg is not a picture" in visitor.message()


def test_vividness_other_colours_and_doubt_change_the_picture_and_its_download(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "large.jpg"
    Image.effect_noise((1632, 1224), 40).save(path)
    visitor.give(path)
    visitor.wait_for_note("1632 x 1224 pixels, first")
    assert not visitor.panel.get_by_role("slider", name=re.compile("Vividness")).is_visible()
    visitor.panel.get_by_label("Model").first.click()
    visitor.page.get_by_role("option", name="vivid").click()
    visitor.wait_for_note("1632 x 1224 pixels, vivid")
    tiles = visitor.page.locator("#others button:has(img)")
    tiles.nth(4).wait_for()
    with visitor.new_result():
        tiles.nth(2).click()
    with visitor.new_result():
        visitor.panel.get_by_label("Show where it is a guess").check()
    with visitor.new_result():
        visitor.panel.get_by_label("Show where it is a guess").uncheck()
    visitor.panel.get_by_role("slider", name=re.compile("Vividness")).focus()
    with visitor.new_result():
        visitor.page.keyboard.press("End")
    other = colorzoo.load(server.models["vivid"], device="cpu").draft(path).alternatives(4)[1]
    expected = colorzoo.write(other.finish(vividness=1.0), tmp_path / "expected.jpg")
    difference = pixels_of(visitor.download("Download")).astype(int)
    assert np.abs(difference - pixels_of(expected.read_bytes())).mean() < 0.1


def test_what_is_drawn_gives_a_colour_and_undo_takes_it_back(
    visitor: Visitor, server: Server, photo: Path
) -> None:
    with Image.open(photo) as small:
        small.resize((800, 600)).save(photo)
    visitor.page.get_by_role("tab", name="Hints").click()
    visitor.panel.get_by_label("Model").first.click()
    visitor.page.get_by_role("option", name="vivid").click()
    visitor.give(photo)
    canvas, result = (visitor.page.locator(f"#{name} img") for name in ("canvas", "wished"))
    visitor.page.wait_for_function("document.querySelector('#canvas img')?.naturalWidth == 800")
    result.wait_for()
    another = functools.partial(visitor.new_result, "#wished")
    plain = pixels_of(visitor.download("Download picture"))
    box, mouse = canvas.bounding_box(), visitor.page.mouse
    places = [
        (box["x"] + box["width"] * share, box["y"] + box["height"] / 2) for share in (0.2, 0.3)
    ]
    with another():
        mouse.move(*places[0])
        mouse.down()
        mouse.move(*places[1], steps=4)
        mouse.up()
    swatch = visitor.page.locator("#likely .swatch").last
    chosen = swatch.get_attribute("data-color")
    with another():
        swatch.click()
    canvas.focus()
    with another():
        visitor.page.keyboard.press("ArrowRight")
        visitor.page.keyboard.press("Enter")
    places = json.loads(visitor.download("Download hints"))["hints"]
    drawn, clicked = places[:-1], places[-1]
    assert {hint["color"] for hint in places} == {chosen}
    assert all(abs(hint["row"] - 300) <= 3 for hint in places)
    assert abs(drawn[0]["column"] - 160) <= 3
    assert abs(drawn[-1]["column"] - 240) <= 8
    assert max(np.diff([hint["column"] for hint in drawn])) <= 2 * drawn[0]["radius"]  # no gaps
    assert abs(clicked["column"] - 416) <= 3
    hints = colorzoo.Hints.from_points(
        [(hint["row"], hint["column"], hint["color"]) for hint in places],
        radius=drawn[0]["radius"],
    )
    expected = np.asarray(
        colorzoo.load(server.models["vivid"], device="cpu")(photo, hints=hints)
    ).astype(int)
    assert np.abs(pixels_of(visitor.download("Download picture")) - expected).max() <= 1
    for _ in range(2):
        with another():
            visitor.panel.get_by_role("button", name="Undo").click()
    np.testing.assert_array_equal(pixels_of(visitor.download("Download picture")), plain)
    sunset = photo.with_name("sunset.png")
    Image.new("RGB", (50, 40), "tomato").save(sunset)
    with another():
        visitor.page.locator("#reference input").set_input_files(sunset)
    assert np.abs(pixels_of(visitor.download("Download picture")).astype(int) - plain).mean() > 1


@pytest.mark.parametrize(("scheme", "rules"), [("light", []), ("dark", ["color-contrast"])])
def test_readers_of_screens_find_nothing_serious(
    browser: playwright.Browser,
    server: Server,
    photo: Path,
    npm_folder: Path,
    scheme: str,
    rules: list[str],
) -> None:
    axe = npm.get_tool(npm.AXE, npm_folder)
    person = Visitor(browser, server, color_scheme=scheme)
    person.page.evaluate(axe.read_text(encoding="utf-8"))
    faults = [("empty", person.look_for_faults(*rules))]

    def look(tab: str, give: bool, *shown: str) -> None:
        """Look at a tool without anything, and at what it gives for a photo."""
        person.page.get_by_role("tab", name=tab).click()
        if give:
            person.give(photo)
        for part in shown:
            person.panel.locator(part).first.wait_for()
        faults.append((tab, person.look_for_faults(*rules)))

    look("Picture", True, "#result img")
    look("Hints", False, "#canvas-upload")
    look("Hints", True, "#canvas img[tabindex]", "#wished img")
    person.panel.get_by_label("Colour of the brush").click()
    person.panel.locator(".color-picker").wait_for()
    faults.append(("brush", person.look_for_faults(*rules)))
    look("Compare", True, "#side-0 img", "#side-1 img")
    look("Many", True, "a")
    person.panel.get_by_role("button", name="Colour all").click()
    look("Many", False, ".thumbnail-item")
    look("Film", False, "#film-upload")
    look("About", False, "table")
    assert [(where, what) for where, what in faults if what] == []
    person.leave()


def test_all_that_matters_is_seen_at_once(browser: playwright.Browser, server: Server) -> None:
    person = Visitor(browser, server, viewport={"width": 1280, "height": 900})
    person.panel.get_by_role("button", name="Migrant mother").click()
    person.wait_for_note("pixels, first")
    parts = [person.page.locator("#result"), person.page.locator("#download")]
    parts += [person.panel.get_by_label("Saturation").first, person.page.locator(".example").last]
    for part in parts:
        box = part.bounding_box()
        assert box["y"] + box["height"] <= 900
    person.leave()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(
    browser: playwright.Browser, server: Server, scheme: str
) -> None:
    phone = Visitor(
        browser, server, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
    )
    tabs = phone.page.get_by_role("tab")
    assert [tab.inner_text() for tab in tabs.all()] == [
        "Picture",
        "Hints",
        "Compare",
        "Many",
        "Film",
        "About",
    ]
    assert all(tab.bounding_box()["x"] + tab.bounding_box()["width"] <= 390 for tab in tabs.all())
    phone.panel.get_by_role("button", name="Migrant mother").click()
    phone.wait_for_note("pixels, first")
    assert phone.page.locator("#result").bounding_box()["y"] < 250
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    back = phone.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", back)[:3])) / 3
    assert (brightness < 100) == (scheme == "dark")
    phone.leave()
