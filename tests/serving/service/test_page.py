"""The page, in a real browser: Debian's packages chromium and chromium-driver."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.serving.service.running import Pixels, face, pair, push, running

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs a browser: apt-get install chromium chromium-driver",
)
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
TOKEN = "0123456789abcdef0123456789abcdef"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return push(tmp_path_factory.mktemp("serving"), model=Pixels())


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for person in range(2):
        for shot in range(3):
            (folder / f"{person}{shot}.png").write_bytes(face(person, shot, (120, 150)))
    (folder / "text.png").write_text("text")
    return folder


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """The page of a service in a browser."""

    def __init__(self, browser, client, photographs):
        self.browser, self.client, self.photographs = browser, client, photographs
        browser.get_log("browser")
        browser.get(str(client.base_url))
        self.wait(lambda: "version 1" in self.text("#model"))

    def wait(self, condition):
        return WebDriverWait(self.browser, 30).until(lambda _: condition())

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def give(self, selector, *names):
        self.find(selector).send_keys("\n".join(str(self.photographs / name) for name in names))

    def submit(self, form, result):
        """Presses the button; the headline of the answer."""
        self.browser.execute_script("document.querySelector(arguments[0]).hidden = true", result)
        self.find(f"{form} button").click()
        self.wait(lambda: self.find(result).is_displayed())
        return self.text(f"{result} .headline")

    def compare(self, first, second):
        self.give("[name=first]", first)
        self.give("[name=second]", second)
        return self.submit("#verify", "#verdict")


@pytest.fixture(scope="module")
def page(browser, folder, photographs, tmp_path_factory):
    gallery = tmp_path_factory.mktemp("gallery") / "people.db"
    with running(folder, gallery=gallery) as (client, _):
        page = Page(browser, client, photographs)
        yield page
        # Neither a refusal by the page's own policy nor an error in its program.
        said = page.browser.get_log("browser")
        assert [entry for entry in said if entry["source"] != "network"] == []


def test_two_photographs_are_compared_and_the_verdict_is_explained(page):
    assert page.compare("00.png", "01.png") == "Same person"
    files = pair(*((page.photographs / name).read_bytes() for name in ("00.png", "01.png")))
    answer = page.client.post("/v1/verify", files=files).json()
    shown = page.text("#verdict")
    assert f"{answer['distance']:.4f} (cosine)" in shown
    assert "0.6000 (EER): nearer pairs are taken for one person" in shown
    assert "1.5 %, 95 % interval 0.50 % to 3.0 %" in shown
    assert "4 people, provisional" in shown
    assert page.compare("00.png", "10.png") == "Different people"


def test_what_the_images_are_is_said(page):
    assert page.compare("00.png", "00.png") == "Same person"
    assert "both have the very same pixels" in page.text("#verdict .remarks")


def test_somebody_is_enrolled_and_found_whatever_the_name(page):
    page.find("#person").send_keys(MARKUP)
    page.give("#enrol [name=images]", "00.png", "01.png")
    assert page.submit("#enrol", "#enrolled") == f"{MARKUP}: 2 of 2 enrolled"
    page.wait(lambda: page.text("#people") == "One person is enrolled.")
    page.give("#identify [name=image]", "02.png")
    assert page.submit("#identify", "#found") == MARKUP
    page.wait(lambda: MARKUP in page.text("#found td"))
    page.give("#identify [name=image]", "10.png")
    assert page.submit("#identify", "#found") == "Nobody who is enrolled"


def test_nothing_was_fetched_from_elsewhere(page):
    fetched = page.browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert len(fetched) > 3
    own = (str(page.client.base_url), f"blob:{page.client.base_url}")
    assert all(name.startswith(own) for name in fetched)


def test_every_field_has_a_name_that_is_read_aloud(page):
    fields = page.browser.find_elements(By.CSS_SELECTOR, "input, button")
    assert len(fields) >= 9
    assert all(field.accessible_name for field in fields if field.is_displayed())


def test_it_fits_a_telephone(page):
    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    width = page.browser.execute_script("return document.documentElement.scrollWidth")
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width == 360


def test_the_operations_are_listed(page):
    page.browser.get(f"{page.client.base_url}/docs")
    page.wait(lambda: "/v2/models/{name}/infer" in page.text("#operations"))
    assert "POST/v1/verify" in page.text("#operations")
    assert "first (required): An image file." in page.text("#operations")


def test_a_token_is_asked_for_and_an_image_that_is_none_is_said(browser, folder, photographs):
    with running(folder, tokens=[TOKEN]) as (client, _):
        page = Page(browser, client, photographs)
        assert not page.find("#gallery").is_displayed()
        assert page.compare("00.png", "01.png").startswith("this service asks for a token")
        page.find("#token").send_keys(TOKEN)
        page.find("#access button").click()
        assert page.compare("00.png", "01.png") == "Same person"
        assert page.compare("00.png", "text.png").startswith("second is no usable image")
