"""The page in headless Chromium: nothing is asked of a network, nothing complains, and what it offers works."""

from collections.abc import Iterator
from pathlib import Path

import made_up_runs
import pytest
from made_up_runs import write_all

from browser import CHROMIUM, Tab, tab
from stemma import report
from stemma.comparison import compare
from stemma.families.catalog import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
RANKED = "[...document.querySelectorAll('#mnist-sample .ranking tbody tr:not(.out) .name')].map(e => e.textContent)"
SORTED = "[...document.querySelectorAll('#mnist-sample .ranking th')].map(e => e.getAttribute('aria-sort'))"
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    few = {name: made_up_runs.EXPERIMENTS[name] for name in ("mnist", "photo_patches")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_up_runs, "EXPERIMENTS", few)
        keys = write_all(folder / "runs", examples=200)
    report.render(compare(keys, folder / "runs", bootstrap=100), folder / "runs", folder, CATALOG)
    return (folder / "comparison.html").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def page(browser: Tab, address: str) -> Tab:
    browser.size(1200, 900)
    browser.open("about:blank")
    browser.errors.clear()
    browser.requests.clear()
    browser.open(address)
    return browser


def test_asks_for_nothing_and_complains_of_nothing(page: Tab, address: str) -> None:
    page.run("window.scrollTo(0, document.documentElement.scrollHeight)")
    asked = [each for each in page.requests if not each.startswith("data:image/png;base64,")]
    assert asked == [address]
    assert page.errors == []


def test_the_driver_would_notice(page: Tab, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='missing.png'><script>console.error('x'); throw new Error('y')</script>")
    page.requests.clear()
    page.open(bad.as_uri())
    assert [each.rpartition("/")[2] for each in page.requests] == ["bad.html", "missing.png"]
    assert len(page.errors) >= 2


def test_nothing_but_its_own_script_runs(page: Tab) -> None:
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken = 1\">')")
    page.run(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.broken = 2'; document.body.append(s); })()"
    )
    assert page.run("window.broken ?? 0") == 0
    assert any("Content Security Policy" in each for each in page.errors)


def test_a_head_sorts_by_click_and_by_key(page: Tab) -> None:
    before = page.run(RANKED)
    assert len(before) == 6 and page.run(SORTED)[0] == "ascending"
    page.run("document.querySelectorAll('#mnist-sample .ranking th button')[1].click()")
    assert page.run(RANKED) == sorted(before)
    assert page.run(SORTED)[:2] == [None, "ascending"]
    page.run("document.querySelectorAll('#mnist-sample .ranking th button')[1].focus()")
    page.press("Enter", 13, "\r")
    assert page.run(RANKED) == sorted(before, reverse=True)
    assert page.run(SORTED)[1] == "descending"
    page.run("document.querySelectorAll('#mnist-sample .ranking th button')[2].click()")
    assert page.run(RANKED) == before  # the most accurate first
    page.run("document.querySelectorAll('#mnist-sample .ranking th button')[5].click()")
    assert page.run(RANKED)[-1] == before[0]  # the best has no p value


def test_a_number_is_no_text_when_sorted(page: Tab) -> None:
    parameters = "document.querySelectorAll('#mnist-sample .costs')[1]"
    page.run(f"[...{parameters}.querySelectorAll('th button')].find(b => b.textContent === 'Parameters').click()")
    names = page.run(f"[...{parameters}.querySelectorAll('tbody .name')].map(e => e.textContent)")
    assert names == ["logistic_regression", "convnet", "lenet5", "lstm", "mlp", "dbn"]


def test_a_family_or_a_text_is_found(page: Tab) -> None:
    form = "document.querySelector('#mnist-sample form')"
    page.run(f"{form}.elements.family.value = 'cnn'; {form}.dispatchEvent(new Event('input'))")
    assert sorted(page.run(RANKED)) == ["convnet", "lenet5"]
    assert page.run(f"{form}.elements.shown.value") == "2 of 6 experiments"
    page.run(f"{form}.elements.text.focus()")
    page.call("Input.insertText", text="LeNet")
    assert page.run(RANKED) == ["lenet5"]
    shown = "[...document.querySelectorAll('#mnist-sample details:not(.out) h4')].map(e => e.textContent)"
    assert page.run(shown) == ["lenet5"]
    assert page.run("document.querySelectorAll('#photo-patches-sample .out').length") == 0
    page.press("Enter", 13, "\r")
    assert page.run("location.search") == ""


def test_the_cost_is_chosen_by_key_and_a_mark_tells_its_numbers(page: Tab) -> None:
    shown = "[...document.querySelectorAll('#mnist-sample svg .view')].filter(e => e.getClientRects().length).map(e => e.classList[1])"
    assert page.run(shown) == ["parameters"]
    page.run("document.querySelector('#mnist-sample input[type=radio]').focus()")
    page.press("ArrowDown", 40)
    assert page.run(shown) == ["multiply_adds"]
    tip = "getComputedStyle(document.querySelector('#mnist-sample .multiply_adds .point .tip')).visibility"
    assert page.run(tip) == "hidden"
    page.press("Tab", 9)
    assert page.run(tip) == "visible"
    assert "multiply-adds" in page.run("document.activeElement.getAttribute('aria-label')")


def test_a_link_opens_what_it_leads_to(page: Tab) -> None:
    details = "document.getElementById('x-mnist-lstm').closest('details').open"
    assert page.run(details) is False
    page.run("document.querySelector('#mnist-sample a[href=\"#x-mnist-lstm\"]').focus()")
    page.press("Enter", 13, "\r")
    assert page.run("location.hash") == "#x-mnist-lstm"
    assert page.run(f"new Promise(done => setTimeout(() => done({details}), 50))") is True


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_scrolls_down_only(page: Tab, dark: bool) -> None:
    page.size(390, 800, dark)
    page.run("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.run(WIDTHS) == [390, 390]
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 27)" if dark else "rgb(252, 252, 250)")


def test_all_is_there_without_its_script(browser: Tab, address: str) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(address)
    try:
        # The protocol's own evaluation works all the same.
        assert len(browser.run(RANKED)) == 6
        assert browser.run("document.querySelector('form.filter').getClientRects().length") == 0
        assert browser.run("document.querySelectorAll('th button').length") == 0
        shown = (
            "[...document.querySelectorAll('#mnist-sample svg .view')].filter(e => e.getClientRects().length).length"
        )
        assert browser.run(shown) == 1
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_prints_light_with_plain_links_and_whole_rows(page: Tab) -> None:
    page.size(1200, 900, dark=True)
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    style = "getComputedStyle(document.querySelector('.ranking a.name'))"
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(252, 252, 250)"
    assert page.run(f"{style}.textDecorationLine") == "none"
    assert page.run("getComputedStyle(document.querySelector('.ranking tbody tr')).breakInside") == "avoid"
    assert page.run("document.querySelector('nav').getClientRects().length") == 0
    page.call("Emulation.setEmulatedMedia", media="")
